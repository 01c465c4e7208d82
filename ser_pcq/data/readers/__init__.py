"""A user's own data: folders and tables of several kinds to the utterances of a data directory.

`folder`, `table`, `audformat` and `hf_datasets` read one kind each and say, in words, what is
known of every utterance (`entry.Entry`); `entry.prepared` checks it and makes utterances of it.
"""
