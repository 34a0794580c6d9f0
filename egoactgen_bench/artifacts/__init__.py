"""What lies on disk: workspace, splits, runs, scores, studies, archives."""
