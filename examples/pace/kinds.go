package main

import (
	"math/rand/v2"
	"sync"
	"time"

	"github.com/smtpace/smtpace/internal/simulate"
	"github.com/smtpace/smtpace/smtptest"
	"github.com/smtpace/smtpace/throttle"
)

// kinds returns a row of each kind of receiver that behaves as no textbook says. Each
// takes less than a minute of real time. Within that a rate is hardly found, so the
// goals are lower than those of the simulations, which last longer.
func kinds() []row {
	noisy := receiver(smtptest.Limits{})
	window := smtptest.Rate{Count: 100, Per: 5 * time.Second, Window: true}
	punishing := receiver(smtptest.Limits{})
	return []row{{
		name: "noise: 2 % of MAIL", messages: 6000, receiver: noisy, fault: func() func(smtptest.Event) *smtptest.Fault { return refusesAtRandom(0.02) },
		oracle: throttle.Limits{Connections: 10}, goals: simulate.Goals{Refused: 0.04, Goodput: 0.8},
	}, {
		name: "100 per fixed 5 s", messages: 600, perSecond: 20,
		receiver: receiver(smtptest.Limits{MessageRate: window}), goals: simulate.Goals{Refused: 0.06, Goodput: 0.5},
	}, {
		name: "50/s burst 20: 451 without a reason", messages: 2000, perSecond: 50,
		receiver: receiver(smtptest.Limits{MessageRate: bucket(50, 20, "451 4.7.1 Try again later")}), goals: simulate.Goals{Refused: 0.03, Goodput: 0.85},
	}, {
		name: "20 recipients a second burst 20, 5 recipients each", messages: 180, recipients: 5, perSecond: 20,
		receiver: receiver(smtptest.Limits{RecipientRate: bucket(20, 20, "")}), goals: simulate.Goals{Refused: 0.05, Goodput: 0.8},
	}, {
		name: "20/s burst 20, each try over it blocks for 3 s", messages: 400, perSecond: 20, receiver: punishing,
		fault: func() func(smtptest.Event) *smtptest.Fault { return punishes(20, 20, 3*time.Second) }, goals: simulate.Goals{Refused: 0.08, Goodput: 0.25},
	}}
}

const tooMuchMail = "450 4.7.1 Error: too much mail from 127.0.0.1"

// refusesAtRandom refuses a share of all messages.
func refusesAtRandom(share float64) func(smtptest.Event) *smtptest.Fault {
	var mu sync.Mutex
	rng := rand.New(rand.NewPCG(1, 2))
	return func(e smtptest.Event) *smtptest.Fault {
		if e.Stage != smtptest.StageMail {
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		if rng.Float64() < share {
			return &smtptest.Fault{Reply: tooMuchMail}
		}
		return nil
	}
}

// punishes refuses everything for a time after a message without a token, and for as long
// again after each try in that time.
func punishes(perSecond, burst float64, block time.Duration) func(smtptest.Event) *smtptest.Fault {
	var mu sync.Mutex
	var last, until time.Time
	tokens := burst
	return func(e smtptest.Event) *smtptest.Fault {
		if e.Stage != smtptest.StageMail {
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		if !last.IsZero() {
			tokens = min(burst, tokens+perSecond*e.Time.Sub(last).Seconds())
		}
		last = e.Time
		if tokens < 1 || e.Time.Before(until) {
			until = e.Time.Add(block)
			return &smtptest.Fault{Reply: tooMuchMail}
		}
		tokens--
		return nil
	}
}
