"""Public data sets into the project's layout, and measurements that are made by hand."""

import src  # noqa: F401 sets up the process, before an example imports TensorFlow
