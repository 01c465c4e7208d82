"""Small trees that are laid out, named and encoded as the released corpora are, quirks included."""
