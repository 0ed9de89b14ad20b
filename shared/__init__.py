"""What the services share beyond the client package: settings, market calendar, data sources, logs."""
