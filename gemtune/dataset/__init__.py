"""Datasets for tuning: rows in Gemini's form, and what becomes of rows in other forms."""
