"""How hard the laws are tried: quickly on every run, deeper with ``--hypothesis-profile=deep``."""

from hypothesis import HealthCheck, Phase, settings

_SLOW_IS_FINE = [HealthCheck.too_slow, HealthCheck.data_too_large]

settings.register_profile("laws", max_examples=45, deadline=None, suppress_health_check=_SLOW_IS_FINE)
settings.register_profile("deep", max_examples=2_000, deadline=None, suppress_health_check=_SLOW_IS_FINE)
settings.register_profile(
    "unshrunk", max_examples=300, deadline=None, suppress_health_check=_SLOW_IS_FINE, phases=[Phase.generate]
)
settings.load_profile("laws")
