package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/smtpace/smtpace"
	"github.com/smtpace/smtpace/internal/simulate"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/smtptest"
	"github.com/smtpace/smtpace/throttle"
)

// score sends the messages of a row once, to a receiver that is new.
func (r row) score(ctx context.Context) (simulate.Score, error) {
	s := simulate.Score{Goodput: math.NaN(), Recovery: math.NaN(), Slower: math.NaN()}
	if r.beside {
		var err error
		s.Slower, err = r.neighbours(ctx)
		return s, err
	}
	ours, err := r.send(ctx, throttle.Limits{})
	if err != nil {
		return s, err
	}
	s.Refused, s.RefusedTries = float64(ours.refused)/float64(ours.tries), ours.refused
	s.Goodput = float64(ours.accepted()) / r.allowed(ours.took)
	if r.recovery > 0 {
		s.Recovery = float64(ours.between(r.change+r.recovery, time.Minute)) / (60 * r.after)
	}
	if r.perSecond == 0 {
		r.fault = nil // an oracle is not misled
		best, err := r.send(ctx, r.oracle)
		if err != nil {
			return s, err
		}
		s.Goodput = best.took.Seconds() / ours.took.Seconds()
	}
	return s, nil
}

// allowed returns the number of messages that the receiver lets through in a time.
func (r row) allowed(d time.Duration) float64 {
	if r.change == 0 || d <= r.change {
		return r.perSecond * d.Seconds()
	}
	return r.perSecond*r.change.Seconds() + r.after*(d-r.change).Seconds()
}

// outcome is the result of one sending.
type outcome struct {
	took           time.Duration // to the last that counts
	tries, refused int
	delivered      []time.Duration // since the start, those that count
}

func (o outcome) accepted() int { return len(o.delivered) }

func (o outcome) between(from, length time.Duration) (n int) {
	for _, at := range o.delivered {
		if at >= from && at < from+length {
			n++
		}
	}
	return n
}

// send sends all messages through a Sender with the limits given, and stops
// when those that count have arrived: all, or all but the hot mailbox's.
func (r row) send(ctx context.Context, l throttle.Limits) (o outcome, err error) {
	if r.fault != nil {
		r.receiver.Fault = r.fault()
	}
	srv := smtptest.NewServer(r.receiver)
	defer srv.Close()
	sender, err := smtpace.New(smtpace.Config{Relays: []smtpace.Relay{relay(srv, l)}})
	if err != nil {
		return o, err
	}
	defer sender.Close()
	if r.change > 0 {
		defer time.AfterFunc(r.change, func() { srv.SetLimits(r.then) }).Stop()
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	want := r.counting()
	start := time.Now()
	err = sender.SendAll(ctx, r.list(), func(res *smtpace.Result) {
		for _, to := range res.Recipients {
			if !isHot(to.Address) && to.Status == smtpace.Delivered {
				o.delivered = append(o.delivered, time.Since(start))
			}
		}
		if len(o.delivered) == want {
			stop()
		}
	})
	o.took = time.Since(start)
	if len(o.delivered) < want {
		return o, errors.Join(fmt.Errorf("only %d of %d messages were delivered", len(o.delivered), want), err)
	}
	o.tries, o.refused = r.refusals(srv.Stats())
	return o, nil
}

// refusals returns the tries and those of them that were refused: messages and
// connections, or recipients where messages have several.
func (r row) refusals(stats smtptest.Stats) (tries, refused int) {
	tries, refused = stats.Mails+stats.Connections+stats.Refused, stats.Throttled
	if r.recipients > 0 {
		tries = stats.Recipients + stats.Throttled
	}
	if r.fault != nil {
		refused = stats.Replies[450]
	}
	return tries, refused
}

// counting returns the number of messages that count: all but those for a hot mailbox.
func (r row) counting() (n int) {
	for i := range r.messages {
		if !isHot(r.address(i)) {
			n += max(r.recipients, 1)
		}
	}
	return n
}

func isHot(address string) bool { return strings.HasPrefix(address, "hot@") }

func relay(srv *smtptest.Server, l throttle.Limits) smtpace.Relay {
	return smtpace.Relay{Addr: srv.Addr, TLS: pool.TLSNone, Limits: l, DialContext: srv.DialContext}
}

// list makes the messages as they are asked for.
func (r row) list() iter.Seq[smtpace.Message] {
	return func(yield func(smtpace.Message) bool) {
		for i := range r.messages {
			m := message(r.address(i))
			for k := 1; k < r.recipients; k++ {
				m.To = append(m.To, fmt.Sprintf("also%d.%s", k, m.To[0]))
			}
			if !yield(m) {
				return
			}
		}
	}
}

func message(to string) smtpace.Message {
	return smtpace.Message{
		From: "news@sender.example", To: []string{to},
		Data: []byte("From: news@sender.example\r\nTo: " + to + "\r\nSubject: News\r\n\r\nHello.\r\n"),
	}
}

// well is the number of receivers that are well in the row about neighbours.
const well = 18

// neighbours returns by how much longer 18 receivers take beside one that greylists
// and one that is dead than without them.
func (r row) neighbours(ctx context.Context) (float64, error) {
	alone, err := r.sendToMany(ctx, well)
	if err != nil {
		return 0, err
	}
	beside, err := r.sendToMany(ctx, well+2)
	return beside.Seconds()/alone.Seconds() - 1, err
}

// sendToMany sends the row's messages to each of some receivers, the 19th of
// which greylists while the 20th is dead, and returns when the others have all.
func (r row) sendToMany(ctx context.Context, n int) (time.Duration, error) {
	var relays []smtpace.Relay
	for i := range n {
		cfg := r.receiver
		if i == well {
			cfg.Limits, cfg.Domains = smtptest.Limits{}, map[string]smtptest.Domain{"*": {Greylist: smtptest.Greylist{Delay: 5 * time.Minute}}}
		}
		srv := smtptest.NewServer(cfg)
		defer srv.Close()
		one := relay(srv, throttle.Limits{})
		one.Name = fmt.Sprint("mx", i)
		if i == well+1 {
			one.DialContext = func(context.Context, string, string) (net.Conn, error) { return nil, syscall.ECONNREFUSED }
		}
		relays = append(relays, one)
	}
	sender, err := smtpace.New(smtpace.Config{Router: smtpace.PromptRouterFunc(func(r smtpace.RouteRequest) (smtpace.Route, error) {
		var i int
		_, err := fmt.Sscanf(r.Domain, "d%d.example", &i)
		return smtpace.Via(relays[i]), err
	})})
	if err != nil {
		return 0, err
	}
	defer sender.Close()
	return r.sendBeside(ctx, sender, n)
}

func (r row) sendBeside(ctx context.Context, sender *smtpace.Sender, n int) (time.Duration, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	left := r.messages * well
	r.domains = n
	r.messages *= n
	greylisting := fmt.Sprintf("@d%d.example", well)
	var took time.Duration
	start := time.Now()
	err := sender.SendAll(ctx, r.list(), func(res *smtpace.Result) {
		to := res.Recipients[0]
		if to.Status != smtpace.Delivered || strings.HasSuffix(to.Address, greylisting) {
			return
		}
		if left--; left == 0 {
			took = time.Since(start)
			stop()
		}
	})
	if left > 0 {
		return 0, errors.Join(fmt.Errorf("%d messages to receivers that are well were not delivered", left), err)
	}
	return took, nil
}
