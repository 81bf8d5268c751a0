from hypothesis import HealthCheck, settings

# How long an example takes says nothing about the code on a machine that does other things too.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")
