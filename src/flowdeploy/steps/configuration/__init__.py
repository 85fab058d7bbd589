"""Indexes, queues, cron jobs and dispatch rules of an instance."""
