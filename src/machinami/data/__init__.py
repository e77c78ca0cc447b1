"""Data management (データ連携基盤, SCRA 7.2.4): entities, subscriptions, history and the ports to their store."""
