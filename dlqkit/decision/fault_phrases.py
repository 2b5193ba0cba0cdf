"""How libraries name what broke, as words: a refused connection, a full disk, a read that timed out.

Written as in ``error_phrases``. Within a class they stand by subject: network, DNS, TLS, pools, databases, machine,
cluster, brokers, gRPC, quotas, credentials; then HTTP, gRPC, databases, jobs.
"""

from __future__ import annotations

from dlqkit.decision.refusal_phrases import REFUSALS

__all__ = ["FAULTS"]

FAULTS = {
    "infrastructure": """
connection refused, econnrefused, connect refused, refused the connection, actively refused, refused to connect,
connection reset, econnreset, reset by peer, connection was reset, forcibly closed, broken pipe, epipe, connection
aborted, connection was aborted, connection broken, connection lost, lost connection, connection has been lost,
connection closed, connection was closed, connection is closed, connection has been closed, closed the connection,
closed connection, connection already closed, connection is already closed, connection unexpectedly closed, underlying
connection is closed, connection terminated, terminating connection, connection dropped, connection bad, connection does
not exist error, connection not open, connection not available, connection is not available, connection is in ~ state,
session is closed, socket is closed, pool is closed, client is closed, client has been closed, socket hang up, other
side closed, stream connection lost, stream lost, server disconnected, remote end closed, remote disconnected, server
closed, disconnected from server, peer closed, no route to host, ehostunreach, host unreachable, host is unreachable,
network is unreachable, enetunreach, enetdown, destination unreachable, not reachable, network unreachable, network
error, network related, cannot assign requested, connection failure, connection failed, connection to server ~ failed,
connect to server, connect to database, can t reconnect, can t reach, cannot reach, could not reach, unable to reach,
failed to reach, failed to connect, unable to connect, could not connect, cannot connect, can t connect, couldn t
connect, connect failed, failed to establish a new connection, error while dialing, error connecting, error trying to
connect, dial tcp, dial unix, connection attempt, establishing a connection, establish connection, connect error,
connection errors, connect timeout, connection timeout, connection timed out, trying to connect, connect timed out,
connection to ~ timed out, open timeout, opentimeout, connect etimedout, timed out ~ connecting, timeout ~ connecting,
timed out trying to connect, connecttimeout, timed out ~ opening database connection, opening handshake, connection
establishment, communications link failure, communication link failure, communications exception, transport level error,
transport failure, server has gone away, server gone away, lost connection to, failed to respond, name or service not
known, name resolution, nodename nor servname, getaddrinfo, enotfound, eai again, no such host, unknown host, could not
resolve, couldn t resolve, can t resolve, failed to resolve, cannot resolve host, dns, name does not resolve, unresolved
address, no address associated, could not translate host name, resolution failed, resolve host, name not resolved,
server misbehaving, no nameservers, nxdomain, servfail, certificate, ssl handshake, tls handshake, handshake failure,
handshake failed, ssl syscall, ssl routines, x 509, self signed, hostname mismatch, unable to find valid certification,
pkix path, wrong version number, ssl peer, tls alert, tlsv, peer not authenticated, remote error tls, unexpected eof,
eof detected, connection from pool, connection from the pool, waiting for a connection, waiting for connection, wait for
connection, acquiring a connection, acquire operation, acquire connection, cannot create transaction, could not open
jpa, acquire jdbc connection, pool timeout, acquisition timeout, acquire timeout, pool exhausted, queue pool limit, pool
is full, pool is exhausted, exhausted pool, pool limit, wait queue, no available connection, obtain a connection, obtain
jdbc connection, get a connection, get a resource from the pool, connection acquire, too many files, too many
connections, too many clients, connection slots, no more connections, max number of clients, too many open, max client
conn, connection limit, user connections, maximum number of connections, max connections, server login retry, database
system is, server is starting up, is shutting down, server shutdown, shutting down, admin shutdown, server stopped, is
stopping, in recovery mode, hot standby, conflict with recovery, cannot connect now, crash shutdown, event loop is
closed, disposed object, object disposed, after shutdown, interpreter shutdown, going away, goaway, graceful shutdown,
has been shutdown, deadlock, lock wait, lock timeout, lock request, lock not available, could not obtain lock, database
is locked, database table is locked, database schema is locked, serialize access, serialization failure, restart
transaction, restarting transaction, write conflict, transaction conflict, transaction was aborted, transaction aborted,
transaction rolled back, lease lost, lock lost, lock expired, lock supplied, message lock, lock on row, resource busy,
nowait, concurrent update, concurrent transaction, could not be serialized, restart read required, transaction retry,
retry transaction, optimistic conflict, no space left, enospc, disk full, disk is full, disk quota, disk i o, out of
disk, flood stage, read only allow delete, not enough space, insufficient storage, insufficient disk, unable to extend,
disk usage, out of memory, oom, enomem, cannot allocate memory, memory limit, memory error, heap space, gc overhead, low
memory, failed to allocate, could not allocate, allocation failed, insufficient memory, memory exhausted, circuit
breaking, address already in use, eaddrinuse, emfile, enfile, file table overflow, resource temporarily unavailable,
eagain, can t start new thread, unable to create native, cannot fork, input output error, read only file system, erofs,
stale file handle, i o error, too many processes, sigkill, sigterm, killed, broken process pool, terminated abruptly,
worker lost, worker exited, process exited, terminated abnormally, worker died, evicted, segmentation fault, read only
replica, read only slave, readonly you can t, readonly error, read only error, loading redis, dataset in memory, cluster
down, clusterdown, masterdown, misconf, noauth, wrongpass, noreplicas, moved, tryagain, busy redis, noscript, read only
transaction, readonly database, read only mode, read only option, super read only, redis is loading, no primary, not
primary, not master, not writable primary, node is recovering, primary stepped down, no master, no leader, leader not
available, not leader, leader changed, leader election, leader is unknown, election in progress, server selection, auto
reconnect, no servers available, no suitable servers, no reachable servers, no servers found, no hosts available, no
host available, no broker, no brokers, broker down, brokers are down, brokers down, broker not available, broker
unavailable, no nodes available, no living connections, no alive nodes, no node available, no available node, no
available server, nodes are unavailable, all shards failed, unavailable shards, shards failure, cluster block, no
responders, nodata, no endpoints, no healthy upstream, no backend, upstream connect error, no available replica, no
instances available, not enough replicas, consistency level, coordinator not available, rebalance, rebalanced, not
coordinator, failed to update metadata, not present in metadata, update metadata, metadata for topic, does not host this
topic, unknown topic or part, unknown topic or partition, coordinator load, broker transport, all broker connections,
illegal generation, unknown member id, group coordinator, producer fenced, unknown producer id, broker may not be
available, connection forced, connection wrong state, delivery acknowledgement, heartbeat, missed heartbeats, amqp
connection error, connection wedged, no connection to, no connection established, no established connection, not
connected, offline queue, protocol banner, disconnected, all addresses, all subchannels, transport closing, transport is
closing, connection error desc, stream terminated, rst stream, stream removed, channel shutdown, http 2 error, stream
error, enhance your calm, too many pings, too many requests, rate limit, rate limited, rate exceeded, ratelimit,
throttling, throttled, throttle, request rate, request limit exceeded, requests limit, throughput exceeded, slow down,
slowdown, quota, quotas, limit exceeded exception, request was throttled, concurrency limit, concurrent requests, spike
arrest, too many api, overloaded, capacity, server is busy, server busy, server too busy, backpressure, queue is full,
queue full, rejected execution, temporarily overloaded, over capacity, overload, overloaded error, load shedding,
bulkhead, circuit breaker, circuit is open, circuit open, circuitbreaker, call not permitted, broken circuit,
temporarily unavailable, currently unavailable, temporary failure, temporary error, currently unable to handle, unable
to handle, is unavailable, was unavailable, service is down, under maintenance, maintenance, maintenance mode, try again
later, try again in, please retry, retry later, retry after, please try again, intermittent, unable to locate
credentials, no credentials, credentials were not, default credentials, credential provider, could not find credentials,
unable to load credentials, no credential, credential retrieval, credentials expired, credentials have expired, refresh
error, expired token, token expired, token has expired, token is expired, jwt expired, token included in the request,
expired credentials, session expired, session has expired, token could not be, invalid token error, reauthentication,
refresh token, invalid grant, invalid client, invalid api key, incorrect api key, api key not valid, invalid access key,
invalid access token, bad credentials, invalid credentials, invalid authentication, invalid signature, signature does
not match, signature expired, request time too skewed, unrecognized client, unauthorized client, password authentication
failed, authentication failed, auth failed, auth error, authentication error, authentication failure, authentication
required, authentication unavailable, login failed, login incorrect, not authenticated, sasl, kerberos, no pg hba,
invalid password, invalid username password, access refused, authorization violation, authentication token,
authentication credentials, invalid authorization, user credentials, security token, key expired, secret expired, no
module named, module not found, cannot find module, import error, no class def, class not found, no such method error,
library not loaded, cannot open shared object, executable file not found, command not found, image pull, request time
out of sync, clock skew, proxy error, tunnel connection, proxy authentication, cannot connect to proxy, incomplete read,
payload is not completed, premature end, prematurely closed, premature close, truncated response, content length
mismatch, eoferror, eof exception, eofexception, empty reply, no response from, unexpected end of stream, econnaborted
socket, response ended prematurely, mail server, smtp server disconnected, smtp authentication, temporary local problem,
greylisted, greylisting, unable to obtain, snapshot too old, tns, no listener, отказано в соединении, соединении
отказано, не удалось подключиться, не удаётся подключиться, нет соединения, соединение разорвано, соединение сброшено,
сервер недоступен, сервис недоступен, временно недоступен, служба недоступна, взаимоблокировка, недостаточно памяти,
недостаточно места, слишком много подключений, daily limit exceeded, commit failed exception, commitfailed, offset
commit, kicked out of the group, many connection errors, is blocked because of many connection errors, malformed packet,
packet sequence, lost synchronization, could not receive data, could not send data, unable to open database, disk image,
connection pool paused, interrupted at shutdown, watch error, connection gone, broken connection, bad connection, bad
record, auth failure, request expired, resource in use, import module error, client secret, billing, has not been used
in project, contention, rate limits, rate limiting, resources exceeded, no children to pick, keepalive, err tls,
hostname ip does not match, err ssl, eproto, cert, unable to verify, edquot, get jdbc connection, pool not open, http
response to https, malformed http, crash loop, back off, insufficient cpu, failed scheduling, preempted, preemption,
spot instance, establish a connection, establish the connection, not be established, failed to establish, cannot open
connection, could not open connection, failed to open connection, unable to open connection, open connection, no longer
connected, host not found, host unknown, failed to lookup, limit reached, limit has been reached, usage limit, request
limit, api limit, hourly limit, monthly limit, insufficient rights, out of quota, creating a database connection,
creating a connection, error creating ~ connection, opening a connection, opening connection, open a connection, channel
ended, no reply will be forthcoming, after fatal error, too many parts, too many simultaneous, too many concurrent,
deadlocked, requested by the login, cursor not found, cursor id, connection pool shut down, pool shut down, has been
shut down, was shut down, database is closed, db is closed, closed network connection, stale connection, resolution
failure, resource locked, exclusive access, sigsegv, acquire lock, acquire the lock, acquiring lock, pessimistic, can t
contact, cannot contact, unable to contact, could not contact, never received, transaction is aborted, out of shared
memory, prepared statement ~ does not exist, prepared statement ~ already exists, cached plan
""",
    "timeout": """
read timed out, read timeout, readtimeout, reading timed out, timeout reading from, timed out reading,
write timed out, write timeout, send timed out, awaiting headers, awaiting response, waiting for response,
waiting for a response, timed out while waiting for, response timeout, request timeout, request timed out,
request time out, response timed out, upstream request timeout, gateway timeout, gateway time out, headers timeout,
body timeout, idle timeout, inactivity timeout, deadline exceeded, deadlineexceeded, deadline expired,
deadline has elapsed, deadline ~ exceeded, deadline of, before the deadline, context deadline, rpc deadline,
statement timeout, query timeout, query timed out, query execution was interrupted,
canceling statement due to user request, canceling statement due to statement, query canceled, query was canceled,
max execution time, maximum statement execution, execution timeout, execution timed out, execution time limit,
execution expired, max time ms expired, operation exceeded time limit, exceeded time limit, time limit exceeded,
time limit, timelimit, soft time limit, time allotted, operation timed out, operation timeout, operation was timed,
operation has timed out, the operation was aborted due to timeout, prior to completion, command timeout,
command timed out, command timed, task timed out, task timeout, job timeout, job timed out, job exceeded,
activity timeout, workflow timeout, start to close, lambda timeout, function timed out, function execution took,
did not finish, did not complete, not completed within, not complete within, not finish within, took too long,
run too long, did not respond, did not reply, took longer than, taking too long, running too long, ran too long,
longer than expected, stuck for, no progress, hung, hang detected, timeout exceeded, timeout of ~ exceeded,
exceeded timeout, exceeded the timeout, exceeded ~ timeout, timeout expired, timeout elapsed,
exceeded maximum execution, maximum execution time, script timeout, async request timeout, timeout awaiting,
timeout waiting for, message timed out, msg timed out, timed out in queue, has passed since, replica nodes responses,
replica responses, etcdserver request timed out, a timeout occurred, a timeout has occurred, timed out after,
timeout after, timeout performing, socket timeout, no response within, превышено время, превышен таймаут, тайм аут,
таймаут, истекло время, stalled, job stalled, read operation timed out
""",
    "business": REFUSALS,
}
