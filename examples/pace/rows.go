package main

import (
	"fmt"
	"time"

	"github.com/smtpace/smtpace/internal/simulate"
	"github.com/smtpace/smtpace/smtptest"
	"github.com/smtpace/smtpace/throttle"
)

// latency is the time that bytes are under way to a receiver and back from it, half
// of what a round trip takes in the simulator.
const latency = 5 * time.Millisecond

// row is one scenario of the table, for real.
type row struct {
	name       string // of the scenario
	messages   int
	domains    int // that they are for, in turn; 0 is 1
	recipients int // of each message; 0 is 1
	hot        int // every so manieth is for one mailbox; 0: none
	receiver   smtptest.Config
	fault      func() func(smtptest.Event) *smtptest.Fault // makes what else it refuses, for each sending; nil for nothing
	perSecond  float64                                     // what it allows; 0: what oracle reaches
	oracle     throttle.Limits                             // of the comparison, where perSecond is 0
	change     time.Duration                               // when the limits change; 0: never
	then       smtptest.Limits                             // to these
	after      float64                                     // messages a second that they allow
	recovery   time.Duration                               // time after the change at which that is to be reached; 0: never measured
	beside     bool                                        // 18 receivers like this one, one that greylists and one that is dead
	slower     float64                                     // in place of the simulator's goal; 0: that
	goals      simulate.Goals                              // of a kind; those of a scenario are set where the row is run
}

const (
	enough     = "421 4.7.0 mx.example Error: too many connections from 127.0.0.1"
	slowAndEnd = "421 4.7.1 mx.example Error: too much mail from 127.0.0.1"
)

func bucket(perSecond, burst int, reply string) smtptest.Rate {
	return smtptest.Rate{Count: perSecond, Burst: burst, Reply: reply}
}

func receiver(l smtptest.Limits) smtptest.Config {
	return smtptest.Config{Latency: latency, ServiceTime: 20 * time.Millisecond, StatsOnly: true, Limits: l}
}

func rows() []row {
	three := smtptest.Cap{Max: 3, Reply: enough}
	fifty := bucket(50, 20, "")
	perMinute := smtptest.Rate{Count: 300, Per: time.Minute}
	window, sliding := perMinute, perMinute
	window.Window, sliding.Sliding = true, true
	slow := receiver(smtptest.Limits{MessagesPerConnection: smtptest.Cap{Max: 40}})
	slow.ServiceTime = 100 * time.Millisecond
	atRcpt := receiver(smtptest.Limits{RecipientRate: bucket(10, 20, "450 4.7.1 Error: too much mail from 127.0.0.1")})
	mailbox := receiver(smtptest.Limits{MessageRate: bucket(20, 20, "")})
	mailbox.Domains = map[string]smtptest.Domain{"*": {MailboxRate: bucket(1, 5, "")}}
	return []row{
		{name: "3 connections", messages: 3000, receiver: receiver(smtptest.Limits{Connections: three}), oracle: throttle.Limits{Connections: 3}},
		{name: "50/s burst 20, 421 at MAIL, 3 connections", messages: 3000, perSecond: 50,
			receiver: receiver(smtptest.Limits{Connections: three, MessageRate: bucket(50, 20, slowAndEnd)})},
		{name: "50/s burst 20, 450 at MAIL, 3 connections", messages: 3000, perSecond: 50,
			receiver: receiver(smtptest.Limits{Connections: three, MessageRate: fifty})},
		{name: "10/s burst 20, 450 at RCPT", messages: 3000, perSecond: 10, receiver: atRcpt},
		{name: "1/s burst 5", messages: 600, perSecond: 1, receiver: receiver(smtptest.Limits{MessageRate: bucket(1, 5, "")})},
		{name: "300 per fixed minute", messages: 3000, perSecond: 5, receiver: receiver(smtptest.Limits{MessageRate: window})},
		{name: "300 per sliding minute", messages: 3000, perSecond: 5, receiver: receiver(smtptest.Limits{MessageRate: sliding})},
		{name: "40 messages per connection", messages: 3000, receiver: slow, oracle: throttle.Limits{MessagesPerConnection: 40}},
		{name: "relay at 50/s burst 20, 20 domains", messages: 3000, domains: 20, perSecond: 50,
			receiver: receiver(smtptest.Limits{MessageRate: fifty})},
		{name: "20/s, every tenth to a mailbox at 1/s", messages: 2000, hot: 10, perSecond: 19, receiver: mailbox},
		{name: "50/s halved midway", messages: 4500, perSecond: 50, receiver: receiver(smtptest.Limits{MessageRate: fifty}),
			change: time.Minute, then: smtptest.Limits{MessageRate: bucket(25, 20, "")}, after: 25},
		{name: "50/s doubled midway", messages: 39_000, perSecond: 50, receiver: receiver(smtptest.Limits{MessageRate: fifty}),
			change: time.Minute, then: smtptest.Limits{MessageRate: bucket(100, 20, "")}, after: 100, recovery: 5 * time.Minute},
		{name: "20 destinations, one dead, one greylisting", messages: 300, beside: true, slower: 0.1,
			receiver: receiver(smtptest.Limits{Connections: three, MessageRate: bucket(20, 20, "")})},
	}
}

// address returns the recipient of the i-th message.
func (r row) address(i int) string {
	if r.hot > 0 && i%r.hot == 0 {
		return "hot@d0.example"
	}
	return fmt.Sprintf("u%d@d%d.example", i, i%max(r.domains, 1))
}
