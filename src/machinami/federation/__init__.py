"""Federation (SCRA 7.2.9): other towns and domains as context sources of this one."""
