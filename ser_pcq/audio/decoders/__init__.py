"""Decoders of audio files, one a module; `ser_pcq.audio.decoder.opened` chooses among them."""
