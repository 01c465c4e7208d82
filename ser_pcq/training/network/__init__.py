"""How networks are trained by gradient."""
