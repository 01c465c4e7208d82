"""The networks, one file each: `mlcnn`, `channel_query`, `context`, `heads`, `pcq`."""
