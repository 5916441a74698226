"""Evened images: fold-free maps with bounded area ratios, by taking a mesh apart and putting it together again."""
