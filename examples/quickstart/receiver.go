package main

import (
	"fmt"
	"time"

	"github.com/smtpace/smtpace/smtptest"
)

// tooMany is the reply of the receiver beyond any of its limits. Like
// many providers' replies it names a guess, not the reason.
const tooMany = "421 4.7.0 mx.test Server is not currently available, possibly due to too many connections"

// receiver starts a server with the limits of the demo and with TLS, as the
// servers of providers have it.
func (d demo) receiver() *smtptest.Server {
	return smtptest.NewServer(smtptest.Config{
		InMemory:   d.inMemory,
		StartTLS:   true,
		RequireTLS: true,
		Fault:      smtptest.Rules(distance()...),
		Limits: smtptest.Limits{
			Connections: smtptest.Cap{Max: d.connections, Reply: tooMany},
			MessageRate: smtptest.Rate{Count: d.rate, Per: time.Second, Burst: d.burst, Reply: tooMany},
		},
		Domains: map[string]smtptest.Domain{
			domains[0]: {Greylist: smtptest.Greylist{
				Delay: d.greylist,
				Reply: fmt.Sprintf("450 4.2.0 Greylisted, try again in %d seconds", int(d.greylist.Seconds())),
			}},
		},
	})
}

// roundTrip is the time that each answer takes, as if the receiver were some way
// off: on a loopback, 20 goroutines are through with being refused at once.
const roundTrip = 20 * time.Millisecond

func distance() []smtptest.Rule {
	var rules []smtptest.Rule
	for _, stage := range []smtptest.Stage{
		smtptest.StageConnect, smtptest.StageHelo, smtptest.StageStartTLS, smtptest.StageMail,
		smtptest.StageRcpt, smtptest.StageData, smtptest.StageDot, smtptest.StageRset,
		smtptest.StageNoop, smtptest.StageQuit,
	} {
		rules = append(rules, smtptest.Rule{Stage: stage, Fault: smtptest.Fault{Delay: roundTrip}})
	}
	return rules
}
