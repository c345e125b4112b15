/** Identifiers and file names that were replaced, as `old -> new`. Matched as whole words. */
export const RENAMED = `
AdminDesk -> AdminHandler
AdminRefusedError -> AdminRejectedError
AskedChange -> PendingChange
AskedRebuild -> PendingRebuild
AskedStep -> PendingStep
BatchContents -> BatchParts
ClientInboxReader -> ClientInboxHandler
ClientLease -> SharedClient
Dice -> SimRandom
DueHeap -> DeadlineHeap
Gathering -> OpenBatch
HeldJobContext -> LeasedJobContext
InboxReader -> InboxHandler
Intake -> BatchBuilder
JobIntake -> JobClaimer
JobIntakeHandlers -> JobClaimerHandlers
JobIntakeShared -> JobClaimerShared
JobLine -> SegmentedFifo
KeptCall -> RepeatedOperation
KeptList -> FinishedList
LaneRules -> SessionQueueRules
Lanes -> SessionQueues
LeaderView -> LeaderDiscovery
LeaseKeeper -> LeaseRenewer
LeaseKeeperHandlers -> LeaseRenewerHandlers
LogAnswer -> LogReply
MemberControl -> MembershipController
MessageBook -> DeliveryLedger
NodeCalls -> AdminCalls
NodeSearch -> LeaderDiscovery
Outlet -> Transport
PeerQuestion -> ReadIndexRequest
QueryDesk -> QueryHandler
ReadDesk -> QueryHandler
ReadDeskOptions -> QueryHandlerOptions
ReadQuestion -> ReadIndexRequest
RebuildRefusal -> RebuildRejection
RequestDesk -> RequestRouter
RequestRefusedError -> RequestRejectedError
RoomRules -> ModuleRules
SESSION_ANSWERS_MAX -> SESSION_REPLIES_MAX
SESSION_ANSWER_BYTES_MAX -> SESSION_REPLY_BYTES_MAX
SESSION_FORGOTTEN_RUNS_MAX -> SESSION_EVICTED_RUNS_MAX
SnapshotDesk -> SnapshotTransfers
StoredRoster -> StoredManifest
WaitingRequest -> PendingRequest
WaitingRequests -> PendingRequests
Wakeup -> RealTime
Wires -> Links
answerBytes -> replyBytes
answerFrom -> completeFrom
answerLate -> acknowledgeLate
answerNext -> replyNext
answerTo -> replyTo or responseTo
answerWithoutJobs -> completeWithoutJobs
askFor -> requestReadIndex
askToLead -> sendTimeoutNow
awaitCalm -> awaitQuiescence
carriageRefusal -> stepRejection
carryOutAlone -> executeUnsessioned
carryOutFault -> injectFault
carryOutNext -> executeNext
chunkOf -> entryDataOf
closeGathered -> closeOpenBatches
closeGathering -> closeOpenBatch
commands-wire -> commands-link
content-pack -> payload-pack
deafenOnTransferMs -> dropInboundOnTransferMs
due-heap -> deadline-heap
effectsInWords -> formatEffects
endTimeOfCalls -> expireCalls
entriesInWords -> formatEntries
forgetOld -> dropExpired
forgetOldStep -> dropExpiredStep
forgetRequest -> dropRequest
forgetStep -> dropStep
gatherMs -> batchMs
giveWay -> yieldPreVote
held-job -> leased-job
hurriedRounds -> fastElectionRounds
inboxReader -> inboxHandler
inspect-request -> validate-request
isCalm -> isQuiescent
isGathering -> hasOpenBatch
isLeaseForfeited -> isLeaseRevoked
isPreferred -> winsTie
isRetired -> isRemoved
job-intake -> job-claimer
job-line -> segmented-fifo
kept-list -> finished-list
lastHeardMs -> lastContactMs
late-answer -> late-acknowledgement
leader-view -> leader-discovery
lease-keeper -> lease-renewer
leaveOffice -> stepDownAfterRemoval
lookAtClock -> readClock
lost-roster -> lost-manifest
mayStand -> canCampaign
member-control -> membership-controller
message-book -> delivery-ledger
messageInWords -> formatMessage
nextWakeup -> nextDeadlineMs
node-calls -> admin-calls
node-search -> leader-discovery
nodeCalls -> adminCalls
nodes-in-turn -> rotating-client
noticeRetirement -> noticeRemoval
onAnswer -> onForwardReply or onResponse
onAnswered -> onReply
onAnsweredInPart -> onReplyPart
onHeard -> onContact
onLeaderHeard -> recordLeaderContact
onMade -> onFilesCreated
onOperationsRefused -> onOperationsRejected
onQuestion -> onReadIndexRequest
onRefused -> onRejected
onTold -> onVersion
onWakeup -> onDeadline
packedAt -> packPosition
pumpLane -> pumpQueue
questionFor -> pendingStepFor
read-desk -> query-handler
read-question -> read-index-request
readRoster -> readManifest
rebuildRefusal -> rebuildRejection
rebuiltRoster -> rebuiltManifest
redrive -> retry
request-desk -> request-router
restoreForgotten -> restoreEvicted
retiredBy -> removedBy
retirementOf -> removalOf
roomCycles -> moduleCycles
second-reign -> re-elected-leader
serveParked -> resumeParkedClaims
settleOnLeader -> useLeader
snapshot-desk -> snapshot-transfers
speaksOfALaterTerm -> mayCarryLaterTerm
stored-contents -> stored-payloads
strangersVotes -> nonMemberVoteRequests
unaddress -> clearSequence
waiting-requests -> pending-requests
watchCalm -> checkQuiescence
`;

/** Words and phrases, comma-separated, as `old -> what to write instead`. Matched in any case, also as a part of an identifier. */
export const PLAIN = `
nobody, somebody -> no node, no client, a node, a client
whoever -> the node that, the client that
anew -> again
on its way, on their way -> in flight, unanswered, in transit
under way, underway -> in progress, running
orderly way -> gracefully
sign of life, signs of life -> message, renewal
stand, stands, stood, standing -> is; campaigns; represents
tell, tells, told, telling -> report, inform, distinguish, receive
hear, hears, heard, hearing -> receive from, contact
desk, desks -> handler, router
this room, every room, each room, rooms -> module
house, houses, office, offices -> name the module or the role
give way, gives way, gave way, giving way -> yield
deed, deeds, errand, errands -> name the operation
newcomer, newcomers, stranger, strangers -> new node, non-member
deaf, deafen, deafened -> that receives nothing; drop inbound
mute, mutes, muted -> that sends nothing; drop outbound
sleepy -> paused
carriage -> name the step or the transport
roster, rosters -> manifest
refuse, refuses, refused, refusing -> reject
refusal, refusals -> rejection
carry out, carries out, carried out, carrying out, carryout -> execute
skeleton, skeletons -> reply head
forgotten reply, forgotten replies, reply is forgotten, replies are forgotten, session is forgotten -> evicted
an answer, the answer, no answer, its answer, each answer, every answer, late answer, late answers, the answers -> reply
content of a job, content of the job, contents of a job, contents of the job, job's content, job's contents -> payload
`;

/** Names of invariants, coverage events and mutants in recorded results (results/mutants.csv, summaries of simulations). They stay as they are. */
export const RECORDED: readonly string[] = [
  'a request is carried out once',
  'calls of a calm cluster are carried out',
  'entry deleted that stood on several disks (Figure 8)',
  'election while a snapshot was on its way',
  'everything stood still for over an hour',
  'node told that it is removed',
  'leader handed over and did not hear of its successor',
  'client ended with requests under way',
  'client renewed its session with requests under way',
  'voters are removed although it was before the request that the rest was heard',
  'a node that hears from a leader grants votes',
  'a disk is given up by what was heard before it was asked for',
  'a repeated request is carried out again',
  'a renewed session reverses the order of what was under way',
  'a request is carried out again once its reply is forgotten',
  'too many forgotten replies: the oldest are taken for requests that never came',
  'a request of more than eight operations is carried out in part',
];
