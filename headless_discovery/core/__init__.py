"""The pure core: no socket, clock, file, thread or event loop; time is passed in.

The way of the data, one module an arrow::

    ServiceName -> Question -> bytes ... bytes -> Reply -> Snapshot -> Change -> the caller
       names        plans     exchange     wire    gather   outcome  membership

=============== ==================================================================
`values`        the base of the public values: frozen, slotted, compared by content
`names`         the Kubernetes DNS schema
`options`       every setting of one look
`durations`     lengths of time as text
`policy`        every setting of a followed Service
`connectpolicy` every setting of a connection
`addresses`     which addresses may be a pod's, and their order
`wire`          one question to bytes, bytes to records
`srvtable`      the ordinary SRV answer, read without making records of it
`fallback`      the same by dnspython, for legal but unusual messages
`questions`     the types plans, exchanges and shells share
`memory`        what is remembered of servers and questions
`objections`    why a well-formed message is no answer to go by
`exchange`      how one question is asked until it is answered or given up
`snapshot`      `Endpoint` and `Snapshot`
`gather`        records to endpoints, suspicious ones left out
`assembly`      endpoints of an ordinary answer, those of the last look kept
`plans`         what to ask about a Service, and what the replies mean together
`steps`         sending a plan its replies, off an event loop where it takes long
`outcome`       a snapshot, or the error to raise
`changes`       `Change`: who came, went, changed between two states
`rotation`      whose turn it is, exactly, while members come and go
`ejection`      who is left out because dialling it failed
`ttls`          whether a cache stands before the cluster's DNS
`evidence`      which answers count, and how many it takes
`merging`       the endpoints of one answer into the members
`membership`    who is there over time: the rules
`schedule`      when to look again
`hint`          the serial of the zone, which tells that something changed
`following`     the three together, with the status; what the shells drive
`conditions`    what somebody waits for
`waiting`       whether it has come, and stood for long enough
`roles`         who is the primary, who a replica, and for how long that is believed
`selection`     who is dialled next: what one call wants, the turns, those left out
`racing`        the addresses of one pod, its families raced
`dialling`      one call of `connect`: who was tried, and when it is over
`refusals`      which refused records are worth a line of talk
`times`         times as text, durations in words, the marks of a time axis
`peerlist`      endpoints as text for files, scripts and other programs
`timeline`      a recording, read back as who was a member, and when
`chart`         a timeline as lines of text
`picture`       a timeline as SVG
=============== ==================================================================
"""
