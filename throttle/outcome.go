package throttle

import "github.com/smtpace/smtpace/classify"

// Outcome is what a transaction has shown.
type Outcome struct {
	Accepted   int              // recipients that were delivered
	Stage      classify.Stage   // where the verdict came from
	Verdict    classify.Verdict // the one that names a limit, if any does
	Recipients int              // RCPTs that were accepted before the refusal
	Err        error            // the reply, kept as evidence
}
