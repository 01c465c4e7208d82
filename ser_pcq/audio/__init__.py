"""Audio files to waveforms: decoding, faults of the signal, speech detection, fingerprints."""
