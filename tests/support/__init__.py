"""What tests share: tiny models and corpora, small recordings, folders as training leaves them."""
