"""Review over REST: what another screen needs to work through queues."""
