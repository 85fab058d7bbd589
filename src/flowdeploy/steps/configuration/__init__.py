"""Updates the indexes, queues, cron jobs and dispatch rules of an instance."""
