"""What every package uses: files, errors, progress, cores."""
