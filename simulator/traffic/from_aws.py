"""Reads a stream's traffic and settings from AWS, and saves them in a file. PERMISSIONS lists all of its calls."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError

from kinesis_autoscaler.alarm import Alarm
from kinesis_autoscaler.settings import DISABLED, TAG_PREFIX, InvalidSettingsError, parse_settings
from simulator.traffic.model import TraceError

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient

PERMISSIONS = (
    "cloudwatch:DescribeAlarms",
    "cloudwatch:GetMetricData",
    "cloudwatch:ListTagsForResource",
    "kinesis:DescribeStreamSummary",
)
"""The permissions that the caller needs. All of them only read."""

PERMISSION_TO_LIST = "kinesis:ListStreams"
"""Permissions for all streams of an account and region, in addition to PERMISSIONS."""

MOST_DAYS = 15
"""CloudWatch keeps values per minute for 15 days (CloudWatch User Guide, metrics retention)."""

_NAME = re.compile(r"[a-zA-Z0-9_.-]{1,128}")
_PERIOD_SECONDS = 60
_SETTLED = timedelta(minutes=5)
"""Metrics of the latest minutes may be incomplete."""
_ATTEMPTS = 3
_CONFIG = Config(retries={"mode": "standard", "max_attempts": 5}, connect_timeout=5, read_timeout=30)
_METRICS = ("IncomingBytes", "IncomingRecords")
_DIRECTIONS = ("scale_up", "scale_down")
_REFUSALS = ("AccessDenied", "UnauthorizedOperation", "Forbidden")
_CREDENTIALS = (
    "ExpiredToken",
    "UnrecognizedClient",
    "InvalidClientTokenId",
    "InvalidSignature",
    "SignatureDoesNotMatch",
)


class Account:
    """An account and region with the caller's permissions.

    Without `region` and `profile`, those of the environment apply: AWS_REGION, AWS_DEFAULT_REGION, or the profile's
    region.
    """

    def __init__(self, region: str | None = None, profile: str | None = None) -> None:
        """Create a session.

        Raises:
            TraceError: AWS cannot be reached.

        """
        self._profile = profile
        with _plain_errors("AWS", profile):
            session = boto3.Session(profile_name=profile, region_name=region or os.environ.get("AWS_REGION") or None)
            self._kinesis = session.client("kinesis", config=_CONFIG)
            self._cloudwatch = session.client("cloudwatch", config=_CONFIG)
        self.region = self._cloudwatch.meta.region_name

    def streams(self) -> list[str]:
        """Return the names of all streams.

        Raises:
            TraceError: AWS cannot be reached, or refuses.

        """
        with _plain_errors("the streams", self._profile):
            pages = self._kinesis.get_paginator("list_streams").paginate()
            return [name for page in pages for name in page["StreamNames"]]

    def save(self, stream: str, folder: Path, *, days: int = 14) -> Path:
        """Save a stream's traffic per minute, its settings and its shard count.

        Return the file, which `read_trace` can read.

        Settings are those on the alarms of modules/stream, if the stream has them.

        Raises:
            TraceError: AWS cannot be reached, refuses, or has no such stream or no traffic of it.

        """
        if not _NAME.fullmatch(stream):
            raise TraceError(
                f"{stream[:140]!r} is not a stream name, which has up to 128 letters, digits, hyphens, underscores "
                "and periods: give the name, not the ARN"
            )
        with _plain_errors(stream, self._profile):
            about = self._kinesis.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]
            document = {
                **_traffic(self._cloudwatch, stream, days),
                "Period": _PERIOD_SECONDS,
                "Stream": {
                    "Name": stream,
                    "Region": self.region,
                    "Mode": about.get("StreamModeDetails", {}).get("StreamMode", "PROVISIONED"),
                    "OpenShardCount": about["OpenShardCount"],
                    "ConsumerCount": about.get("ConsumerCount", 0),
                    "RetentionPeriodHours": about["RetentionPeriodHours"],
                    **self._settings(stream),
                },
            }
        if not any(result["Values"] for result in document["MetricDataResults"]):
            raise TraceError(
                f"CloudWatch has no IncomingBytes of {stream} in the last {days} days in {self.region}: "
                "check the region, or replay a file"
            )
        path = folder / f"{stream}-{self.region}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(document, default=_iso) + "\n")
        except OSError as error:
            raise TraceError(f"{path} cannot be written: {error.strerror}; make room for it") from None
        return path

    def _settings(self, stream: str) -> dict[str, Any]:
        """Return the inputs of modules/stream from the stream's pair of alarms, or nothing if it has none."""
        pairs = self._pairs.get(stream, {})
        for pair in (pairs[name] for name in sorted(pairs)):
            if len(pair) == len(_DIRECTIONS):
                answer = self._cloudwatch.list_tags_for_resource(ResourceARN=pair["scale_up"]["AlarmArn"])
                tags = {tag["Key"]: tag["Value"] for tag in answer["Tags"]}
                if any(key.startswith(TAG_PREFIX) for key in tags):
                    return _of_alarms(pair, tags)
        return {}

    @cached_property
    def _pairs(self) -> dict[str, dict[str, dict[str, Any]]]:
        """Return possible alarms of modules/stream, by stream, by the alarm's name without direction, by direction."""
        found: dict[str, dict[str, dict[str, Any]]] = {}
        for page in self._cloudwatch.get_paginator("describe_alarms").paginate(AlarmTypes=["MetricAlarm"]):
            for alarm in page["MetricAlarms"]:
                name = alarm["AlarmName"]
                direction = next((each for each in _DIRECTIONS if name.endswith(each.replace("_", "-"))), None)
                if direction is None:
                    continue
                for stream in _watched_by(alarm):
                    pair = found.setdefault(stream, {}).setdefault(name.removesuffix(direction.replace("_", "-")), {})
                    pair[direction] = alarm
        return found


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _traffic(cloudwatch: CloudWatchClient, stream: str, days: int) -> dict[str, Any]:
    """Return both metrics per minute in the form of GetMetricData's answer, with all pages combined."""
    end = datetime.now(UTC).replace(second=0, microsecond=0) - _SETTLED
    for _ in range(_ATTEMPTS):
        results: dict[str, dict[str, Any]] = {}
        messages: list[dict[str, Any]] = []
        for page in _pages(cloudwatch, stream, end - timedelta(days=days), end):
            messages += page.get("Messages", [])
            for each in page["MetricDataResults"]:
                result = results.setdefault(each["Id"], {**each, "Timestamps": [], "Values": []})
                result["Timestamps"] += each["Timestamps"]
                result["Values"] += each["Values"]
                result["StatusCode"] = each["StatusCode"]
        if all(result["StatusCode"] == "Complete" for result in results.values()):
            break
    else:
        statuses = ", ".join(f"{result['StatusCode']} for {result['Label']}" for result in results.values())
        raise TraceError(
            f"CloudWatch answered {statuses} {_ATTEMPTS} times, so that values may be missing; try again later"
        )
    return {"MetricDataResults": list(results.values()), "Messages": messages}


def _pages(cloudwatch: CloudWatchClient, stream: str, start: datetime, end: datetime) -> Iterator[Mapping[str, Any]]:
    queries: Any = [
        {
            "Id": metric[0].lower() + metric[1:],
            "Label": metric,
            "MetricStat": {
                "Stat": "Sum",
                "Period": _PERIOD_SECONDS,
                "Metric": {
                    "Namespace": "AWS/Kinesis",
                    "MetricName": metric,
                    "Dimensions": [{"Name": "StreamName", "Value": stream}],
                },
            },
        }
        for metric in _METRICS
    ]
    yield from cloudwatch.get_paginator("get_metric_data").paginate(
        MetricDataQueries=queries, StartTime=start, EndTime=end, ScanBy="TimestampAscending"
    )


def _watched_by(alarm: Mapping[str, Any]) -> set[str]:
    """Return the streams whose metrics an alarm reads."""
    metrics = (query["MetricStat"]["Metric"] for query in alarm.get("Metrics", ()) if "MetricStat" in query)
    return {
        dimension["Value"]
        for metric in metrics
        if metric["Namespace"] == "AWS/Kinesis"
        for dimension in metric.get("Dimensions", ())
        if dimension["Name"] == "StreamName"
    }


def _of_alarms(pair: Mapping[str, Any], tags: Mapping[str, str]) -> dict[str, Any]:
    """Return the inputs of modules/stream that the alarms' tags and rules were created from."""
    rules = {direction: Alarm(pair[direction]).rule for direction in _DIRECTIONS}
    parse_settings(tags, **rules)  # refuses what the function would refuse
    settings: dict[str, Any] = {
        direction: {
            "threshold": rule.threshold,
            "period_seconds": rule.period_seconds,
            "evaluation_periods": rule.evaluation_periods,
            "datapoints_to_alarm": rule.datapoints_to_alarm,
        }
        for direction, rule in rules.items()
    }
    for key, text in tags.items():
        name = key.removeprefix(TAG_PREFIX).replace("-", "_")
        if not key.startswith(TAG_PREFIX) or "/" in name:
            continue
        value = _value(text)
        direction = next((each for each in _DIRECTIONS if name == f"{each}_cooldown_minutes"), None)
        (settings[direction] if direction else settings)[name.removeprefix(f"{direction}_")] = value
    return {"Alarms": sorted(alarm["AlarmName"] for alarm in pair.values()), "Settings": settings}


def _value(text: str) -> Any:  # noqa: ANN401 - as Terraform wrote it
    if text == DISABLED:
        return None
    try:
        return json.loads(text)
    except ValueError:
        return text


@contextmanager
def _plain_errors(stream: str, profile: str | None) -> Iterator[None]:
    """Raise errors of AWS and of the connection as a sentence with the remedy."""
    try:
        yield
    except ClientError as error:
        raise TraceError(_refusal(error, stream)) from None
    except NoCredentialsError:
        raise TraceError(
            "There are no AWS credentials: log in with `aws sso login` or `aws configure`, name a --profile, "
            "or replay a file instead"
        ) from None
    except NoRegionError:
        raise TraceError("The region is unknown: use --region, or set AWS_REGION") from None
    except InvalidSettingsError as error:
        raise TraceError(f"The alarms of {stream} cannot be read: {error}") from None
    except (BotoCoreError, ValueError) as error:
        of_profile = f" (profile {profile})" if profile else ""
        reason = str(error).splitlines()[0]
        raise TraceError(f"The request to AWS about {stream} failed{of_profile}: {reason}") from None


def _refusal(error: ClientError, stream: str) -> str:
    code = str(error.response.get("Error", {}).get("Code", "an error"))
    said = " ".join(str(error.response.get("Error", {}).get("Message", "")).split())
    if code == "ResourceNotFoundException":
        return f"There is no stream {stream} in this account and region: check its name, --region and --profile"
    if code.startswith(_REFUSALS):
        needed = (*PERMISSIONS, PERMISSION_TO_LIST) if error.operation_name == "ListStreams" else PERMISSIONS
        return (
            f"AWS does not allow {error.operation_name}: {said} Reading a stream takes {_and(needed)}, "
            "or replay a file instead"
        )
    if code.startswith(_CREDENTIALS):
        return f"AWS does not accept the credentials ({code}): log in again, or name a --profile"
    return f"AWS answered {code} to {error.operation_name} for {stream}: {said}"


def _and(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"
