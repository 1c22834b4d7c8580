package smtpace

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smtpace/smtpace/smtptest"
	"github.com/wneessen/go-mail"
)

// fillIn fills a Msg in for recipient i.
func fillIn(m *mail.Msg, i int) {
	if err := m.To(fmt.Sprintf("u%d@d%d.example", i, i%10)); err != nil {
		panic(err)
	}
	m.Subject(fmt.Sprintf("for u%d", i))
	m.SetBodyString(mail.TypeTextPlain, fmt.Sprintf("the secret of u%d is s%d.", i, i))
}

// ownTexts checks that every message that a receiver took has the text of its own
// recipient, and returns their number.
func ownTexts(t *testing.T, srv *smtptest.Server) (n int) {
	t.Helper()
	for _, tx := range srv.Transactions() {
		if !tx.Accepted {
			continue
		}
		n++
		u, _, _ := strings.Cut(tx.To()[0], "@")
		if !strings.Contains(string(tx.Data), "the secret of "+u+" ") || !strings.Contains(string(tx.Data), "Subject: for "+u+"\r\n") {
			t.Errorf("%s got %q", u, tx.Data)
		}
	}
	return n
}

// reusingSequences returns iterators that fill the same Msgs in for one recipient after
// the other.
func reusingSequences(t *testing.T, n int) map[string]func(yield func(Message) bool) {
	one := newMsg(t, "nobody@x.example")
	ring := make([]*mail.Msg, 5)
	for i := range ring {
		ring[i] = newMsg(t, "nobody@x.example")
	}
	from := sync.Pool{New: func() any { return newMsg(t, "nobody@x.example") }}
	return map[string]func(func(Message) bool){
		"one": func(yield func(Message) bool) {
			for i := range n {
				if fillIn(one, i); !yield(Message{Msg: one, ID: i}) {
					return
				}
			}
		},
		"ring": func(yield func(Message) bool) {
			for i := range n {
				m := ring[i%len(ring)]
				if fillIn(m, i); !yield(Message{Msg: m, ID: i}) {
					return
				}
			}
		},
		"sync.Pool": func(yield func(Message) bool) {
			for i := range n {
				m := from.Get().(*mail.Msg)
				fillIn(m, i)
				if !yield(Message{Msg: m, ID: i}) {
					return
				}
				from.Put(m)
			}
		},
	}
}

// TestMsgUsedAgain gives the same Msgs again, filled in anew, while mail waits and
// while it flows. Everybody gets their own text.
func TestMsgUsedAgain(t *testing.T) {
	const n = 60
	for name, seq := range reusingSequences(t, n) {
		for way, send := range map[string]func(t *testing.T, s *Sender, got *results){
			"SendAll": func(t *testing.T, s *Sender, got *results) {
				if err := s.SendAll(t.Context(), seq, got.done); err != nil {
					t.Error(err)
				}
			},
			"Submit": func(t *testing.T, s *Sender, got *results) {
				for m := range seq {
					if _, err := s.Submit(t.Context(), m, got.done); err != nil {
						t.Error(err)
					}
				}
			},
			"Send": func(t *testing.T, s *Sender, got *results) {
				for m := range seq {
					ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond) // ends while some are sent
					r, _ := s.Send(ctx, m)
					cancel()
					got.done(r)
				}
			},
		} {
			for _, waits := range []time.Duration{0, 20 * time.Second} {
				if way == "Send" && waits > 0 {
					continue
				}
				t.Run(fmt.Sprintf("%s %s %v", way, name, waits), func(t *testing.T) {
					inWorld(t, smtptest.Config{Latency: 5 * time.Millisecond, Fault: firstPutOff()}, func(t *testing.T, srv *smtptest.Server) {
						s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
						if waits > 0 {
							for i := range 10 {
								s.Pause(fmt.Sprintf("d%d.example", i))
							}
							time.AfterFunc(waits, func() {
								for i := range 10 {
									s.Resume(fmt.Sprintf("d%d.example", i))
								}
							})
						}
						var got results
						send(t, s, &got)
						time.Sleep(time.Hour)
						synctest.Wait()
						if sent := ownTexts(t, srv); got.calls != n || sent < got.count(Delivered) || way != "Send" && sent != n {
							t.Errorf("%d of %d sent, %d Results", sent, n, got.calls)
						}
					})
				})
			}
		}
	}
}

// firstPutOff puts the first dots off, so that messages are tried again.
func firstPutOff() func(smtptest.Event) *smtptest.Fault {
	return smtptest.Rules(smtptest.Rule{Stage: smtptest.StageDot, Times: 10, Fault: smtptest.Fault{Reply: "451 4.3.0 not now"}})
}

// TestMsgOfALongSequenceUsedAgain begins to give Msgs again when they are no longer
// rendered at once. Nobody gets the text of somebody else, and every message that is
// not sent says why.
func TestMsgOfALongSequenceUsedAgain(t *testing.T) {
	inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
		for i := range 10 {
			s.Pause(fmt.Sprintf("d%d.example", i))
		}
		time.AfterFunc(time.Minute, func() {
			for i := range 10 {
				s.Resume(fmt.Sprintf("d%d.example", i))
			}
		})
		ring := make([]*mail.Msg, 50)
		for i := range ring {
			ring[i] = newMsg(t, "nobody@x.example")
		}
		changed, inUse := 0, 0
		err := s.SendAll(t.Context(), func(yield func(Message) bool) {
			for i := range 200 {
				if fillIn(ring[i%50], i); !yield(Message{Msg: ring[i%50], ID: i}) {
					return
				}
			}
		}, func(r *Result) {
			switch err := r.Err(); {
			case errors.Is(err, ErrChanged):
				changed++
			case errors.Is(err, ErrInvalid):
				if inUse++; !strings.Contains(err.Error(), "a Msg of its own") {
					t.Errorf("the error does not say how to do it: %v", err)
				}
			case err != nil:
				t.Error(err)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		if sent := ownTexts(t, srv); sent+changed+inUse != 200 || sent < 16+3*16 || changed != 34 {
			t.Errorf("%d sent, %d changed, %d refused", sent, changed, inUse)
		}
	})
}

// TestMsgGivenAgainLate has a sequence give a Msg twice that is none of its first. The
// second time is refused, and from then on every Msg is rendered before the sequence
// goes on.
func TestMsgGivenAgainLate(t *testing.T) {
	inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
		s.Pause("x.example")
		time.AfterFunc(time.Minute, func() { s.Resume("x.example") })
		var got results
		if err := s.SendAll(t.Context(), func(yield func(Message) bool) {
			give := func(id int, m *mail.Msg) bool { return yield(Message{Msg: m, ID: id}) }
			var last *mail.Msg
			for i := range firstMsgs + 2 {
				last = newMsg(t, "a@x.example")
				fillIn(last, i)
				_ = last.To("a@x.example")
				give(i, last)
			}
			give(100, last) // refused
			one := newMsg(t, "a@x.example")
			for i := range 5 {
				one.Subject("again")
				give(200+i, one)
			}
		}, got.done); err != nil {
			t.Error(err)
		}
		for i := range firstMsgs + 2 {
			if err := got.of(i).Err(); err != nil {
				t.Errorf("message %d: %v", i, err)
			}
		}
		if err := got.of(100).Err(); !errors.Is(err, ErrInvalid) {
			t.Errorf("given again: %v", err)
		}
		for i := range 5 {
			if err := got.of(200 + i).Err(); err != nil {
				t.Errorf("message %d: %v", 200+i, err)
			}
		}
	})
}

// TestMsgGivenTwiceAtOnce gives one Msg, unchanged, from many goroutines.
func TestMsgGivenTwiceAtOnce(t *testing.T) {
	inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
		m := newMsg(t, "a@d.example", "b@e.example")
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				if _, err := s.SendMail(t.Context(), m); err != nil {
					t.Error(err)
				}
			})
			wg.Go(func() {
				if err := s.DialAndSend(m, m); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n := srv.Stats().Messages; n != 120 {
			t.Errorf("%d transactions, want 120", n)
		}
	})
}

// TestMsgThatTakesLongToRender fills the same Msg in anew as soon as the call that it
// was given to lets go of it, however long its writer takes. The writer reads what
// the caller writes, so that the race detector sees when both do at once.
func TestMsgThatTakesLongToRender(t *testing.T) {
	const n = 4
	text := ""
	m := newMsg(t, "nobody@x.example")
	fill := func(i int, takes time.Duration) Message {
		fillIn(m, i)
		text = fmt.Sprintf("the secret of u%d is s%d.", i, i)
		m.SetBodyWriter(mail.TypeTextPlain, func(w io.Writer) (int64, error) {
			time.Sleep(takes)
			n, err := io.WriteString(w, text)
			return int64(n), err
		})
		return Message{Msg: m, ID: i}
	}
	for _, takes := range []time.Duration{time.Millisecond, 150 * time.Millisecond, time.Hour} {
		for way, send := range map[string]func(ctx context.Context, s *Sender, got *results) error{
			"Submit": func(ctx context.Context, s *Sender, got *results) error {
				for i := range n {
					if _, err := s.Submit(ctx, fill(i, takes), got.done); err != nil {
						return err
					}
				}
				return nil
			},
			"SendAll": func(ctx context.Context, s *Sender, got *results) error {
				return s.SendAll(ctx, func(yield func(Message) bool) {
					for i := range n {
						if !yield(fill(i, takes)) {
							return
						}
					}
				}, got.done)
			},
			"DialAndSend": func(ctx context.Context, s *Sender, got *results) error {
				for i := range n {
					if err := s.DialAndSendWithContext(ctx, fill(i, takes).Msg); err != nil {
						return err
					}
					got.done(&Result{ID: i, Recipients: []Recipient{{Status: Delivered}}})
				}
				return nil
			},
		} {
			t.Run(fmt.Sprintf("%s %v", way, takes), func(t *testing.T) {
				inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
					s := newSender(t, Config{Relays: []Relay{relayTo(srv)}, DialAndSendTimeout: 24 * time.Hour})
					var got results
					if err := send(t.Context(), s, &got); err != nil {
						t.Error(err)
					}
					time.Sleep(time.Minute)
					if sent := ownTexts(t, srv); sent != n || got.count(Delivered) != n {
						t.Errorf("%d sent, %d delivered, want %d", sent, got.count(Delivered), n)
					}
				})
			})
		}
	}
}

// TestMsgThatIsStillRead ends a call while its Msg is rendered. The call returns in
// time, and the Msg is not taken again until its writer has returned.
func TestMsgThatIsStillRead(t *testing.T) {
	why := errors.New("enough")
	for way, give := range map[string]func(ctx context.Context, s *Sender, m Message) error{
		"Submit": func(ctx context.Context, s *Sender, m Message) error {
			_, err := s.Submit(ctx, m, func(*Result) { t.Error("done was called for a message that was not accepted") })
			return err
		},
		"Send": func(ctx context.Context, s *Sender, m Message) error {
			_, err := s.Send(ctx, m)
			return err
		},
		"SendAll": func(ctx context.Context, s *Sender, m Message) error {
			return s.SendAll(ctx, func(yield func(Message) bool) { yield(m) }, nil)
		},
	} {
		t.Run(way, func(t *testing.T) {
			inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
				s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
				start, m := time.Now(), slowMsg(t, time.Minute, "hello", "a@x.example")
				parts := 0
				m.Msg.AddAlternativeWriter(mail.TypeTextHTML, func(io.Writer) (int64, error) {
					parts++
					return 0, nil
				})
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(time.Second, func() { cancel(why) })
				if err := give(ctx, s, m); !errors.Is(err, why) {
					t.Errorf("got %v, want the cause of the context", err)
				}
				within(t, start, time.Second+100*time.Millisecond)
				checkEmpty(t, s.single)
				checkEmpty(t, s.bulk)
				second, cancelSecond := context.WithTimeout(t.Context(), time.Second)
				defer cancelSecond()
				if _, err := s.Send(second, m); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("given again while it is read: %v", err)
				}
				if _, err := s.Send(t.Context(), m); err != nil || parts != 1 {
					t.Errorf("given again without an end: %v, the part behind the slow one was written %d times, want once", err, parts)
				}
				if err := s.Shutdown(t.Context()); err != nil {
					t.Error(err)
				}
				for i := range s.msgs.shards {
					if n := len(s.msgs.shards[i].uses); n != 0 {
						t.Errorf("%d Msgs are in use in the end", n)
					}
				}
			})
		})
	}
}

// TestSendAllIsWithdrawnWhileMsgsAreRead ends a SendAll while connections have its
// Msgs rendered. It returns when their writers have, which read what the caller
// writes then.
func TestSendAllIsWithdrawnWhileMsgsAreRead(t *testing.T) {
	inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		text, reading, read := "hello", 0, 0
		err := s.SendAll(ctx, func(yield func(Message) bool) {
			for i := range firstMsgs + 1 {
				m := newMsg(t, "a@x.example")
				if i == firstMsgs {
					m.SetBodyWriter(mail.TypeTextPlain, func(w io.Writer) (int64, error) {
						reading++
						cancel()
						time.Sleep(40 * time.Millisecond)
						read++
						n, err := io.WriteString(w, text)
						return int64(n), err
					})
				}
				if !yield(Message{Msg: m, ID: i}) {
					return
				}
			}
		}, nil)
		text = ""
		if err != nil || reading != 1 || read != 1 {
			t.Errorf("%v; %d writers have begun, %d have returned; want 1 of each", err, reading, read)
		}
	})
}

// TestMsgThatBelongsToTheSender gives a Msg again that is read later.
func TestMsgThatBelongsToTheSender(t *testing.T) {
	inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
		m := slowMsg(t, time.Minute, "hello", "a@x.example")
		first, err := submitLater(t, s, m, nil)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second) // it is being rendered
		if _, err := s.Send(t.Context(), m); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), "a Msg of its own") {
			t.Errorf("given again: %v", err)
		}
		if n := first.Withdraw(nil); n != 1 {
			t.Errorf("%d withdrawn", n)
		}
		if _, err := s.Send(t.Context(), m); !errors.Is(err, ErrInvalid) {
			t.Errorf("given again while it is read: %v", err)
		}
		time.Sleep(2 * time.Minute)
		if _, err := s.Send(t.Context(), m); err != nil {
			t.Errorf("given again in the end: %v", err)
		}
	})
}

// TestOwnedBytesGoToSpoolDir has a message that was rendered when it was given wait
// for long: its bytes go to a file, and come from there for every further try.
func TestOwnedBytesGoToSpoolDir(t *testing.T) {
	dir := t.TempDir()
	inWorld(t, putOff(3), func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}, SpoolDir: dir})
		m, renderings := newMsg(t, "a@x.example"), 0
		m.SetBodyWriter(mail.TypeTextPlain, func(w io.Writer) (int64, error) {
			renderings++
			n, err := fmt.Fprintf(w, "rendering %d\r\n", renderings)
			return int64(n), err
		})
		sub, err := s.Submit(t.Context(), Message{Msg: m}, nil)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		sub.mu.Lock() // what is written later does not follow upon Wait
		held := len(sub.message.Data)
		sub.mu.Unlock()
		if files, _ := filepath.Glob(filepath.Join(dir, "*")); len(files) != 1 || held != 0 {
			t.Errorf("%d files, %d bytes in memory", len(files), held)
		}
		<-sub.Done()
		if err := sub.Result().Err(); err != nil || renderings != 1 || len(sums(srv)) != 1 {
			t.Errorf("%v; rendered %d times, %d different messages were sent", err, renderings, len(sums(srv)))
		}
		if left, _ := os.ReadDir(dir); len(left) != 0 {
			t.Errorf("%d files are left", len(left))
		}
	})
}

// TestDataUsedAgain gives the same memory again, filled in anew, while mail waits.
// What was overwritten is not sent, and says why.
func TestDataUsedAgain(t *testing.T) {
	for _, padding := range []int{0, 100 << 10} {
		inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
			s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
			s.Pause("x.example")
			var got results
			var buffer bytes.Buffer
			for i := range 5 {
				buffer.Reset()
				fmt.Fprintf(&buffer, "Subject: for u%d\r\n\r\n%s\r\nthe secret of u%d is %d\r\n", i, strings.Repeat("x", padding), i, i)
				m := Message{From: "f@s.example", To: []string{fmt.Sprintf("u%d@x.example", i)}, Data: buffer.Bytes(), ID: i}
				if _, err := s.Submit(t.Context(), m, got.done); err != nil {
					t.Fatal(err)
				}
			}
			s.Resume("x.example")
			time.Sleep(time.Minute)
			for i := range 5 {
				if err := got.of(i).Err(); errors.Is(err, ErrChanged) != (i < 4) {
					t.Errorf("message %d: %v", i, err)
				}
			}
			if n := ownTexts(t, srv); n != 1 {
				t.Errorf("%d sent, want 1", n)
			}
		})
	}
}

// TestMemoryOfMsgsThatAreTriedAgain: rendered bytes stay those of their own message while
// others settle, whose memory the next ones use. Each seventh MAIL is put off, each
// fifth dot is lost, with the message or without.
func TestMemoryOfMsgsThatAreTriedAgain(t *testing.T) {
	const n = 400
	var mails, dots atomic.Int64
	receiver := smtptest.Config{Latency: time.Millisecond, Fault: func(ev smtptest.Event) *smtptest.Fault {
		switch ev.Stage {
		case smtptest.StageMail:
			if mails.Add(1)%7 == 0 {
				return &smtptest.Fault{Reply: "451 4.3.0 try again later"}
			}
		case smtptest.StageDot:
			if n := dots.Add(1); n%5 == 0 {
				return &smtptest.Fault{Silent: true, End: smtptest.Close, Stored: n%2 == 0}
			}
		}
		return nil
	}}
	for name, sequence := range reusingSequences(t, n) {
		t.Run(name, func(t *testing.T) {
			mails.Store(0)
			dots.Store(0)
			inWorld(t, receiver, func(t *testing.T, srv *smtptest.Server) {
				s := newSender(t, Config{Relays: []Relay{relayTo(srv)}, AmbiguousTries: 20})
				ended := map[int]Status{}
				err := s.SendAll(t.Context(), sequence, func(r *Result) { ended[r.ID.(int)] = r.Recipients[0].Status })
				if err != nil {
					t.Fatal(err)
				}
				for i := range n {
					if ended[i] != Delivered {
						t.Errorf("message %d is %v", i, ended[i])
					}
				}
				if got := ownTexts(t, srv); got < n {
					t.Errorf("the receiver has %d messages of %d", got, n)
				}
			})
		})
	}
}
