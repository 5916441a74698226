"""Maps of surfaces: what they hold, their inverse, composition and distortion."""
