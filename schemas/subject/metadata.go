package subject

// PartitionsMetadata is the key of a stream's metadata that holds how many partitions the
// installation has, in decimal. Every events stream carries it; SDKs read it from [EventsStream](0).
const PartitionsMetadata = "riskd.partitions"
