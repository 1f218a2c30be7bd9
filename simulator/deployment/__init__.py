"""What Terraform makes of the modules, in a local AWS: applied with the real Terraform, or as that was recorded.

Also the inputs of modules/stream as flags, their presets, and what the function reads from the alarms they make.
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
