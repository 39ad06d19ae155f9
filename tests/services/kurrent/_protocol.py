"""The protocol of KurrentDB 1.x clients, by the generated classes of the package kurrentdbclient."""

import base64
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final
from uuid import uuid4

import grpc
from google.protobuf import any_pb2, empty_pb2
from kurrentdbclient.protos.v1 import (
    gossip_pb2,
    gossip_pb2_grpc,
    shared_pb2,
    status_pb2,
    streams_pb2,
    streams_pb2_grpc,
)

from tests.services.kurrent._database import (
    ANY,
    EXISTS,
    NO_STREAM,
    Database,
    Record,
    StreamDeletedError,
    WrongVersionError,
)

__all__ = ["Credentials", "Gossip", "Streams", "features"]

_METHODS: Final = ("read", "append", "delete", "tombstone", "batchappend")
_POLL: Final = 0.5
_FAILED_PRECONDITION: Final[Any] = 9
_INVALID: Final = "Unexpected FilteredReadAllResult: InvalidPosition"


class Credentials(grpc.ServerInterceptor):
    """Refuses calls without the user and the password of the server."""

    def __init__(self, user: str, password: str) -> None:
        self._wanted = b"Basic " + base64.b64encode(f"{user}:{password}".encode())
        self._refuse = grpc.stream_stream_rpc_method_handler(self._abort)

    def intercept_service(self, continuation: Callable[[Any], Any], details: Any) -> Any:
        """Let a call pass, or refuse it."""
        given = dict(details.invocation_metadata).get("authorization", "")
        return continuation(details) if given.encode() == self._wanted else self._refuse

    @staticmethod
    def _abort(_: Any, context: grpc.ServicerContext) -> None:
        context.abort(grpc.StatusCode.UNAUTHENTICATED, "Unauthenticated")


class Streams(streams_pb2_grpc.StreamsServicer):
    """Reads, appends and deletions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def BatchAppend(self, requests: Iterable[Any], _: Any) -> Iterator[Any]:  # noqa: N802 - as generated
        """Append batches; a conflict is a status in the answer."""
        pending: dict[str, list[dict[str, Any]]] = {}
        options: dict[str, Any] = {}
        for request in requests:
            key = request.correlation_id.string
            if request.HasField("options"):
                options[key] = request.options
            pending.setdefault(key, []).extend(map(_proposed, request.proposed_messages))
            if not request.is_final:
                continue
            stream = options[key].stream_identifier.stream_name.decode()
            answer = streams_pb2.BatchAppendResp(
                correlation_id=request.correlation_id, stream_identifier=options[key].stream_identifier
            )
            try:
                record = self._database.append(stream, pending.pop(key), _expected(options[key]))
            except (WrongVersionError, StreamDeletedError) as error:
                answer.error.CopyFrom(_status(error, options[key].stream_identifier))
            else:
                revision = self._database.last_revision(stream) if record is None else record.revision
                position = 0 if record is None else record.position
                answer.success.current_revision = max(0, revision)
                answer.success.position.commit_position = position
                answer.success.position.prepare_position = position
            yield answer

    def Append(self, requests: Iterable[Any], context: Any) -> Any:  # noqa: N802 - as generated
        """Append the events of one stream of requests."""
        first, *rest = list(requests)
        stream = first.options.stream_identifier.stream_name.decode()
        answer = streams_pb2.AppendResp()
        try:
            record = self._database.append(
                stream, [_proposed(each.proposed_message) for each in rest], _expected(first.options)
            )
        except StreamDeletedError:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, f"Event stream '{stream}' is deleted.")
        except WrongVersionError as error:
            _, last = error.args
            if last == NO_STREAM:
                answer.wrong_expected_version.current_no_stream.SetInParent()
            else:
                answer.wrong_expected_version.current_revision = last
            return answer
        if record is not None:
            answer.success.current_revision = record.revision
            answer.success.position.commit_position = record.position
            answer.success.position.prepare_position = record.position
        return answer

    def Delete(self, request: Any, context: Any) -> Any:  # noqa: N802 - as generated
        """Delete a stream softly."""
        return self._delete(request, context, streams_pb2.DeleteResp(), forever=False)

    def Tombstone(self, request: Any, context: Any) -> Any:  # noqa: N802 - as generated
        """Delete a stream forever."""
        return self._delete(request, context, streams_pb2.TombstoneResp(), forever=True)

    def _delete(self, request: Any, context: Any, answer: Any, *, forever: bool) -> Any:
        stream = request.options.stream_identifier.stream_name.decode()
        expected = _expected(request.options)
        try:
            record = self._database.delete(stream, expected, forever=forever)
        except StreamDeletedError:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, f"Event stream '{stream}' is deleted.")
        except WrongVersionError as error:
            wanted, last = error.args
            reason = f"Delete failed due to WrongExpectedVersion. Stream: {stream}, "
            context.abort(
                grpc.StatusCode.FAILED_PRECONDITION,
                f"{reason}Expected version: {wanted}, Actual version: {last}",
            )
        else:
            answer.position.commit_position = answer.position.prepare_position = record.position
        return answer

    def Read(self, request: Any, context: Any) -> Iterator[Any]:  # noqa: N802 - as generated
        """Yield what a stream or ``$all`` has; of a subscription, also what comes later."""
        options = request.options
        is_subscription = options.WhichOneof("count_option") == "subscription"
        if is_subscription:
            confirmation = streams_pb2.ReadResp.SubscriptionConfirmation(subscription_id=str(uuid4()))
            yield streams_pb2.ReadResp(confirmation=confirmation)
        if options.WhichOneof("stream_option") == "stream":
            yield from self._read_stream(options, context, is_subscription=is_subscription)
        elif is_subscription:
            yield from self._subscribe_to_all(options, context)
        else:
            yield from self._read_all(options, context)

    def _read_stream(self, options: Any, context: Any, *, is_subscription: bool) -> Iterator[Any]:
        stream = options.stream.stream_identifier.stream_name.decode()
        if self._database.is_tombstoned(stream):
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, f"Event stream '{stream}' is deleted.")
        found = self._database.visible(stream)
        if not found and not is_subscription:
            identifier = options.stream.stream_identifier
            missing = streams_pb2.ReadResp.StreamNotFound(stream_identifier=identifier)
            yield streams_pb2.ReadResp(stream_not_found=missing)
            return
        which = options.stream.WhichOneof("revision_option")
        if is_subscription:
            # After a revision: exclusive, unlike a read.
            begin = {"start": -1, "end": found[-1].revision if found else -1}.get(which, options.stream.revision)
            yield from self._follow(options, context, lambda _: self._database.visible(stream), begin, "revision")
            return
        if options.read_direction == options.Backwards:
            found = found[::-1]
            if which == "revision":
                found = [record for record in found if record.revision <= options.stream.revision]
        elif which == "revision":
            found = [record for record in found if record.revision >= options.stream.revision]
        elif which == "end":
            found = []
        for record in found[: options.count]:
            yield self._answer(record, options)

    def _read_all(self, options: Any, context: Any) -> Iterator[Any]:
        which, found = options.all.WhichOneof("all_option"), list(self._database.log)
        at = options.all.position.commit_position
        if which == "position" and all(record.position != at for record in found):
            context.abort(grpc.StatusCode.UNKNOWN, _INVALID)
        if options.read_direction == options.Backwards:
            # Before a position: exclusive, unlike forwards.
            found = [record for record in found[::-1] if which != "position" or record.position < at]
        elif which == "end":
            found = []
        else:
            found = [record for record in found if which != "position" or record.position >= at]
        matches = _filter(options)
        yield from (
            self._answer(each, options) for each in [each for each in found if matches(each)][: options.count]
        )

    def _subscribe_to_all(self, options: Any, context: Any) -> Iterator[Any]:
        which, log = options.all.WhichOneof("all_option"), self._database.log
        begin = {"start": -1, "end": log[-1].position if log else -1}.get(
            which, options.all.position.commit_position
        )
        yield from self._follow(options, context, lambda at: list(self._database.after(at)), begin, "position")

    def _follow(
        self, options: Any, context: Any, read: Callable[[int], list[Record]], at: int, number: str
    ) -> Iterator[Any]:
        """Yield records after a number, checkpoints where a filter hides some, and *caught up* at each end."""
        matches = _filter(options)
        step = max(1, options.filter.max * max(1, options.filter.checkpointIntervalMultiplier))
        hidden, is_live = 0, False
        while context.is_active():
            with self._database.changed:
                found = [record for record in read(at) if getattr(record, number) > at]
                if not found and is_live:
                    self._database.changed.wait(_POLL)
                    continue
            for record in found:
                at = getattr(record, number)
                if matches(record):
                    yield self._answer(record, options)
                    hidden = 0
                    continue
                hidden += 1
                if hidden >= step:
                    yield _checkpoint(record)
                    hidden = 0
            is_live = True
            yield streams_pb2.ReadResp(caught_up=streams_pb2.ReadResp.CaughtUp())

    def _answer(self, record: Record, options: Any) -> Any:
        event = streams_pb2.ReadResp.ReadEvent(commit_position=record.position)
        if record.type == "$>" and options.resolve_links:
            target = self._database.target(record)
            event.link.CopyFrom(_recorded(record))
            if target is not None:
                event.event.CopyFrom(_recorded(target))
        else:
            event.event.CopyFrom(_recorded(record))
        return streams_pb2.ReadResp(event=event)


class Gossip(gossip_pb2_grpc.GossipServicer):
    """Says that this node is the only one, and the leader."""

    def __init__(self, port: int) -> None:
        self._port = port

    def Read(self, _: Any, __: Any) -> Any:  # noqa: N802 - as generated
        """Return the members of the cluster."""
        member = gossip_pb2.MemberInfo(
            instance_id=shared_pb2.UUID(string=str(uuid4())),
            state=gossip_pb2.MemberInfo.VNodeState.Leader,
            is_alive=True,
            http_end_point=gossip_pb2.EndPoint(address="127.0.0.1", port=self._port),
        )
        return gossip_pb2.ClusterInfo(members=[member])


def features() -> Any:
    """Return the service that says which methods there are. No package has its classes: it is encoded by hand.

    ```text
    SupportedMethods   1: SupportedMethod, repeated      2: the version of the server
    SupportedMethod    1: the method                     2: the service
    ```
    """

    def text(number: int, value: bytes) -> bytes:
        return bytes([number << 3 | 2, len(value)]) + value

    service = text(2, b"event_store.client.streams.streams")
    methods = b"".join(text(1, text(1, name.encode()) + service) for name in _METHODS)
    answer = methods + text(2, b"24.10.0")
    handler = grpc.unary_unary_rpc_method_handler(lambda _, __: answer)
    name = "event_store.client.server_features.ServerFeatures"
    return grpc.method_handlers_generic_handler(name, {"GetSupportedMethods": handler})


def _recorded(record: Record) -> Any:
    return streams_pb2.ReadResp.ReadEvent.RecordedEvent(
        id=shared_pb2.UUID(string=record.event_id),
        stream_identifier=shared_pb2.StreamIdentifier(stream_name=record.stream.encode()),
        stream_revision=record.revision,
        commit_position=record.position,
        prepare_position=record.position,
        metadata={"type": record.type, "content-type": record.content_type, "created": str(record.created)},
        custom_metadata=record.metadata,
        data=record.data,
    )


def _checkpoint(record: Record) -> Any:
    at = streams_pb2.ReadResp.Checkpoint(commit_position=record.position, prepare_position=record.position)
    return streams_pb2.ReadResp(checkpoint=at)


def _proposed(message: Any) -> dict[str, Any]:
    return {
        "event_id": message.id.string,
        "type": message.metadata["type"],
        "content_type": message.metadata["content-type"],
        "data": message.data,
        "metadata": message.custom_metadata,
    }


def _expected(options: Any) -> int:
    for name, number in (("no_stream", NO_STREAM), ("any", ANY), ("stream_exists", EXISTS)):
        if options.HasField(name):
            return number
    revision = getattr(options, "revision", None)
    return int(options.stream_position if revision is None else revision)


def _status(error: Exception, stream: Any) -> Any:
    if isinstance(error, StreamDeletedError):
        detail, message = shared_pb2.StreamDeleted(stream_identifier=stream), "deleted"
    else:
        detail, message = shared_pb2.WrongExpectedVersion(), "wrong expected version"
        _, last = error.args
        if last == NO_STREAM:
            detail.current_no_stream.CopyFrom(empty_pb2.Empty())
        else:
            detail.current_stream_revision = last
    packed = any_pb2.Any()
    packed.Pack(detail)
    return status_pb2.Status(code=_FAILED_PRECONDITION, message=message, details=packed)


def _filter(options: Any) -> Callable[[Record], bool]:
    """Return whether a record passes the filter of a read."""
    if options.WhichOneof("filter_option") != "filter":
        return lambda _: True
    of_streams = options.filter.WhichOneof("filter") == "stream_identifier"
    expression = options.filter.stream_identifier if of_streams else options.filter.event_type
    prefixes, regex = tuple(expression.prefix), re.compile(expression.regex)

    def matches(record: Record) -> bool:
        text = record.stream if of_streams else record.type
        return text.startswith(prefixes) if prefixes else regex.search(text) is not None

    return matches
