"""The resources that Terraform creates from the modules in a local AWS: applied, or from a recording.

Also the inputs of modules/stream as flags, their presets, and the settings that the function reads from the alarms.
"""

from simulator.deployment.without_terraform import (
    NAME,
    PACKAGE,
    Deployment,
    add_health_alarms,
    add_stream,
    alarms,
    deploy,
)

__all__ = ["NAME", "PACKAGE", "Deployment", "add_health_alarms", "add_stream", "alarms", "deploy"]
