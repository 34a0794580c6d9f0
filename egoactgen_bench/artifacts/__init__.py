"""What is stored on disk: workspace, splits, runs, scores, studies, archives."""
