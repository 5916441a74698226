"""Maps of surfaces and solids: image, inverse, composition, measure, distortion."""
