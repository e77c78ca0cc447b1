"""In-region linkage (SCRA 7.2.8): what a town already has - its files - becomes entities of standard models."""
