"""What any map has: image, inverse, composition, measure, distortion."""
