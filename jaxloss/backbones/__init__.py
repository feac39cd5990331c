"""Feature extractors: image classification networks up to their last convolution, as tables of layers."""
