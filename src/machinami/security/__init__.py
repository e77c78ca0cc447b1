"""Security (SCRA 7.2.7): who may come in (`identity`) and where Machinami may go out to (`egress`)."""
