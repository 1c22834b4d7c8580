package smtptest

import (
	"context"
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// stages leads a dialogue to just before the reply of each stage.
var stages = []struct {
	stage  Stage
	before string
	due    string // the reply without a fault
}{
	{StageConnect, "", "220 mx.test"},
	{StageHelo, "< 220\n> EHLO c", "250 SMTPUTF8"},
	{StageMail, "< 220\n> EHLO c\n< 250\n> MAIL FROM:<a@example.com>", "250 2.1.0"},
	{StageRcpt, "< 220\n> EHLO c\n< 250\n> MAIL FROM:<a@example.com>\n< 250\n> RCPT TO:<b@example.org>", "250 2.1.5"},
	{StageData, opened + "> DATA", "354"},
	{StageDot, opened + "> DATA\n< 354\n> text|.", "250 2.0.0"},
	{StageRset, "< 220\n> RSET", "250 2.0.0"},
	{StageNoop, "< 220\n> NOOP", "250 2.0.0"},
	{StageOther, "< 220\n> VRFY x", "252"},
}

func TestFaultsAtEveryReply(t *testing.T) {
	kinds := []struct {
		name  string
		fault Fault
		want  string // %s stands for the due reply
	}{
		{"nothing", Fault{}, "< %s"},
		{"reply", Fault{Reply: "450 4.7.1 not now"}, "< 450 4.7.1 not now\n< nothing"},
		{"several lines", Fault{Reply: "550-5.7.1 never\n550 5.7.1 ever"}, "< 550 5.7.1 ever"},
		{"421 and close", Fault{Reply: "421 4.3.2 bye", End: Close}, "< 421 4.3.2 bye\n< EOF"},
		{"421 without close", Fault{Reply: "421 4.3.2 bye"}, "< 421 4.3.2 bye\n< nothing"},
		{"reply as due and close", Fault{End: Close}, "< %s\n< EOF"},
		{"silent close", Fault{Silent: true, End: Close}, "< EOF"},
		{"reset", Fault{Silent: true, End: Reset}, "< RST"},
		{"stall", Fault{Silent: true, End: Stall}, "< nothing\n> NOOP\n< nothing"},
		{"garbage", Fault{Raw: "\xff\xfe\x00\r\n"}, "< \xff\xfe\x00"},
		{"part of a reply", Fault{Raw: "250-mx.test\r\n25", End: Close}, "< 25EOF"},
		{"drip", Fault{Reply: "450 no", Drip: time.Minute}, "< 450 no"},
		{"delay", Fault{Delay: 10 * time.Minute}, "< %s"},
	}
	for _, st := range stages {
		for _, k := range kinds {
			t.Run(string(st.stage)+"/"+k.name, func(t *testing.T) {
				cfg := Config{Fault: Rules(Rule{Stage: st.stage, Times: 1, Fault: k.fault})}
				inBubble(t, cfg, func(t *testing.T, srv *Server) {
					start := time.Now()
					play(t, srv, st.before+"\n"+strings.ReplaceAll(k.want, "%s", st.due))
					waited := k.fault.Delay + k.fault.Drip*time.Duration(len("450 no\r\n"))
					if got := time.Since(start) - time.Minute*time.Duration(strings.Count(k.want, "nothing")); got != waited {
						t.Errorf("took %v, want %v", got, waited)
					}
				})
			})
		}
	}
}

// What the server did agrees with what it said.
func TestFaultAtTheDotDecidesWhatIsStored(t *testing.T) {
	tests := []struct {
		name  string
		fault Fault
		want  bool
	}{
		{"no fault", Fault{}, true},
		{"any 2yz", Fault{Reply: "252 fine"}, true},
		{"a first line is enough", Fault{Raw: "250-mx\r\n2", End: Close}, true},
		{"temporary", Fault{Reply: "451 4.3.0 later"}, false},
		{"permanent", Fault{Reply: "554 5.7.1 spam"}, false},
		{"silence", Fault{Silent: true, End: Close}, false},
		{"only the reply is lost", Fault{Silent: true, Stored: true, End: Reset}, true},
		{"garbage", Fault{Raw: "?\r\n"}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := Config{Fault: Rules(Rule{Stage: StageDot, Fault: tt.fault})}
			inBubble(t, cfg, func(t *testing.T, srv *Server) {
				play(t, srv, opened+"> DATA\n< 354\n> text|.")
				synctest.Wait()
				ts := srv.Transactions()
				if len(ts) != 1 || !ts[0].Dot || ts[0].Accepted != tt.want || string(ts[0].Data) != "text\r\n" {
					t.Errorf("got %+v, want one with its dot, accepted %t", ts, tt.want)
				}
				if got := len(srv.Messages()); (got == 1) != tt.want {
					t.Errorf("got %d messages", got)
				}
			})
		})
	}
}

// TestKillLosesReplies: a process that dies takes the replies along that it has not sent.
func TestKillLosesReplies(t *testing.T) {
	for end, want := range map[End]string{Reset: "< 250 2.1.0\n< RST", Kill: "< RST"} {
		cfg := Config{Fault: Rules(Rule{Stage: StageRcpt, Fault: Fault{Silent: true, End: end}})}
		inBubble(t, cfg, func(t *testing.T, srv *Server) {
			play(t, srv, "< 220\n> EHLO me\n< 250\n> MAIL FROM:<>|RCPT TO:<a@x.test>\n"+want)
		})
	}
}

func TestRefusedDataLeavesTheTransactionOpen(t *testing.T) {
	cfg := Config{Fault: Rules(Rule{Stage: StageData, Times: 1, Fault: Fault{Reply: "450 4.7.1 no"}})}
	inBubble(t, cfg, func(t *testing.T, srv *Server) {
		play(t, srv, opened+"> DATA\n< 450\n> MAIL FROM:<>\n< 503 5.5.1 Error: nested\n> RSET\n< 250\n> MAIL FROM:<>\n< 250")
	})
}

func TestFaultsWithinTheMessage(t *testing.T) {
	tests := []struct {
		name   string
		fault  Fault
		script string
		size   int64
		dot    bool
	}{
		{"early refusal and close", Fault{After: 4, Reply: "552 5.3.4 too big", End: Close}, "> 12\n< 552 5.3.4\n< EOF", 4, false},
		{"reset", Fault{End: Reset}, "< RST", 0, false},
		{"premature reply", Fault{Reply: "250 ok"}, "< 250 ok\n> x|.\n< 250 2.0.0", 3, true},
		{"stall", Fault{After: 1, End: Stall}, "> x\n> .\n< nothing", 3, false},
		{"stall after a reply", Fault{Reply: "450 no", End: Stall}, "< 450 no\n< nothing", 0, false},
		{"a message too short for it", Fault{After: 100, End: Reset}, "> x|.\n< 250", 3, true},
		{"delay", Fault{Delay: time.Minute}, "> x|.\n< 250", 3, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := Config{Fault: Rules(Rule{Stage: StageBody, Fault: tt.fault})}
			inBubble(t, cfg, func(t *testing.T, srv *Server) {
				play(t, srv, opened+"> DATA\n< 354\n"+tt.script)
				srv.Close()
				ts := srv.Transactions()
				if len(ts) != 1 || ts[0].Size != tt.size || ts[0].Dot != tt.dot {
					t.Errorf("got %+v, want one of %d bytes, dot %t", ts, tt.size, tt.dot)
				}
			})
		})
	}
}

// A server that stops reading makes its client block once the buffers are full.
func TestStalledMessageBlocksTheClient(t *testing.T) {
	cfg := Config{Fault: Rules(Rule{Stage: StageBody, Fault: Fault{End: Stall}})}
	inBubble(t, cfg, func(t *testing.T, srv *Server) {
		p := newPlayer(t, srv)
		defer p.conn.Close()
		p.play(opened + "> DATA\n< 354")
		p.conn.SetWriteDeadline(time.Now().Add(time.Minute))
		n, err := p.conn.Write(make([]byte, 1<<20))
		if err == nil || n == 0 || n >= 1<<20 {
			t.Errorf("wrote %d bytes, %v; want a part of them and a timeout", n, err)
		}
	})
}

func TestFaultsWhileIdle(t *testing.T) {
	const between = opened + "> DATA\n< 354\n> .\n< 250 2.0.0\n"
	tests := []struct {
		name   string
		rule   Rule
		script string
	}{
		{"unasked 421 behind a message", Rule{Message: 1, Fault: Fault{Reply: "421 4.3.2 shutting down", End: Close}}, between + "< 421 4.3.2\n< EOF"},
		{"silent close after 10 seconds", Rule{Message: 1, Fault: Fault{Delay: 10 * time.Second, Silent: true, End: Close}}, between + "wait 9s\n> NOOP\n< 250\nwait 10s\n< EOF"},
		{"unasked bytes", Rule{Message: 1, Times: 1, Fault: Fault{Reply: "250 who asked"}}, between + "< 250 who asked\n> NOOP\n< 250 2.0.0"},
		{"a command is there in time", Rule{Fault: Fault{Delay: time.Second, End: Reset}}, "< 220\n> NOOP\n< 250\n> NOOP\n< 250\nwait 1s\n< RST"},
		{"not within a transaction", Rule{Fault: Fault{Delay: time.Second, End: Reset}}, opened + "wait 1m\n> RSET\n< 250"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.rule.Stage = StageIdle
			inBubble(t, Config{Fault: Rules(tt.rule)}, func(t *testing.T, srv *Server) { play(t, srv, tt.script) })
		})
	}
}

func TestFaultsOfDialling(t *testing.T) {
	tests := []struct {
		name  string
		fault Fault
		want  error
		after time.Duration
	}{
		{"none", Fault{Delay: time.Second}, nil, time.Second},
		{"refused", Fault{End: Close}, syscall.ECONNREFUSED, 0},
		{"hangs", Fault{End: Stall}, context.DeadlineExceeded, time.Minute},
		{"too slow", Fault{Delay: time.Hour}, context.DeadlineExceeded, time.Minute},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := Config{Fault: Rules(Rule{Stage: StageDial, Fault: tt.fault})}
			inBubble(t, cfg, func(t *testing.T, srv *Server) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				start := time.Now()
				conn, err := srv.DialContext(ctx, "tcp", "")
				if !errors.Is(err, tt.want) {
					t.Errorf("got %v, want %v", err, tt.want)
				}
				if conn != nil {
					conn.Close()
				}
				if got := time.Since(start); got != tt.after {
					t.Errorf("took %v, want %v", got, tt.after)
				}
			})
		})
	}
}

func TestFaultsOfTLS(t *testing.T) {
	tests := []struct {
		name   string
		rule   Rule
		script string
	}{
		{"STARTTLS refused", Rule{Stage: StageStartTLS, Fault: Fault{Reply: "454 4.7.0 no"}}, "< 220\n> STARTTLS\n< 454\n> NOOP\n< 250"},
		{"closed before the handshake", Rule{Stage: StageHandshake, Fault: Fault{End: Close}}, "< 220\n> STARTTLS\n< 220\n< EOF"},
		{"reset before the handshake", Rule{Stage: StageHandshake, Fault: Fault{End: Reset}}, "< 220\n> STARTTLS\n< 220\n< RST"},
		{"stalled before the handshake", Rule{Stage: StageHandshake, Fault: Fault{End: Stall}}, "< 220\n> STARTTLS\n< 220\n< nothing"},
		{"garbage for a handshake", Rule{Stage: StageHandshake, Fault: Fault{Raw: "no TLS here\r\n"}}, "< 220\n> STARTTLS\n< 220\n< no TLS\n< EOF"},
		{"injected reply", Rule{Stage: StageStartTLS, Fault: Fault{Raw: "220 go\r\n250 injected\r\n"}}, "< 220\n> STARTTLS\n< 220 go\n< 250 injected"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := Config{StartTLS: true, Fault: Rules(tt.rule)}
			inBubble(t, cfg, func(t *testing.T, srv *Server) { play(t, srv, tt.script) })
		})
	}
}

func TestResetOverASocket(t *testing.T) {
	srv := NewServer(Config{Fault: Rules(Rule{Stage: StageNoop, Fault: Fault{Silent: true, End: Reset}})})
	defer srv.Close()
	conn, err := srv.DialContext(t.Context(), "tcp", srv.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "NOOP\r\n"); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(conn)
	if !errors.Is(err, syscall.ECONNRESET) || string(got) != "220 mx.test ESMTP\r\n" {
		t.Errorf("got %q, %v; want the greeting and a reset", got, err)
	}
}
