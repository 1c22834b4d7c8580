package smtptest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/smtp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wneessen/go-mail"
)

// sendByGoMail sends one message through srv with STARTTLS and a login.
func sendByGoMail(t *testing.T, srv *Server) {
	t.Helper()
	m := mail.NewMsg()
	if err := errors.Join(m.From("sender@example.com"), m.To("a@example.org", "b@example.net")); err != nil {
		t.Fatal(err)
	}
	m.SetBodyString(mail.TypeTextPlain, ".dot\r\n..two dots\r\nend\r\n")
	c, err := mail.NewClient("mx.test",
		mail.WithDialContextFunc(srv.DialContext),
		mail.WithTLSConfig(srv.ClientTLS()), mail.WithTLSPolicy(mail.TLSMandatory),
		mail.WithSMTPAuth(mail.SMTPAuthCramMD5), mail.WithUsername("user"), mail.WithPassword("secret"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := c.DialAndSendWithContext(ctx, m); err != nil {
		t.Fatal(err)
	}
	ms := srv.Messages()
	if len(ms) != 1 {
		t.Fatalf("got %d messages, want 1", len(ms))
	}
	got := ms[0]
	if got.User != "user" || !got.TLS || !got.Dot || got.From != "sender@example.com" || len(got.To()) != 2 {
		t.Errorf("got %+v", got)
	}
	if !strings.Contains(string(got.Data), "\r\n\r\n.dot\r\n..two dots\r\nend\r\n") {
		t.Errorf("got the text %q", got.Data)
	}
}

var secured = Config{StartTLS: true, RequireTLS: true, RequireAuth: true, Users: map[string]string{"user": "secret"}}

func TestGoMailOverASocket(t *testing.T) {
	srv := NewServer(secured)
	defer srv.Close()
	sendByGoMail(t, srv)
}

func TestGoMailInMemory(t *testing.T) {
	cfg := secured
	cfg.Latency = 20 * time.Millisecond
	inBubble(t, cfg, func(t *testing.T, srv *Server) {
		start := time.Now()
		sendByGoMail(t, srv)
		// Dial, greeting, EHLO, STARTTLS, TLS, EHLO, AUTH, response, NOOP,
		// MAIL, RCPT, RCPT, DATA, dot, NOOP, RSET, QUIT: the greeting comes
		// half a round trip behind the dial.
		if got, want := time.Since(start), 16*40*time.Millisecond+20*time.Millisecond; got != want {
			t.Errorf("sending took %v, want %v", got, want)
		}
	})
}

func TestTransactionIsRecorded(t *testing.T) {
	inBubble(t, Config{Fault: Rules(Rule{Recipient: "no@example.org", Fault: Fault{Reply: "550-5.1.1 no\n550 5.1.1 such user"}})}, func(t *testing.T, srv *Server) {
		play(t, srv, `
			< 220
			> EHLO client.test
			< 250
			> MAIL FROM:<a@example.com> SIZE=10
			< 250
			wait 1s
			> RCPT TO:<yes@example.org> NOTIFY=NEVER
			< 250
			> RCPT TO:<no@example.org>
			< 550
			> DATA
			< 354
			> ..x|.
			< 250
			> MAIL FROM:<>
			< 250
			> QUIT
			< 221`)
		srv.Close()
		start := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
		want := []Transaction{{
			Conn: 1, Message: 1, HELO: "client.test", Start: start, End: start.Add(time.Second),
			From: "a@example.com", Params: []string{"SIZE=10"}, MailReply: "250 2.1.0 Ok",
			Recipients: []Recipient{
				{"yes@example.org", []string{"NOTIFY=NEVER"}, "250 2.1.5 Ok"},
				{"no@example.org", nil, "550-5.1.1 no\r\n550 5.1.1 such user"},
			},
			Data: []byte(".x\r\n"), Size: 4,
			Dot: true, Reply: "250 2.0.0 Ok: queued as 1-1", Accepted: true,
		}, {
			Conn: 1, Message: 2, HELO: "client.test", Start: start.Add(time.Second), End: start.Add(time.Second),
			MailReply: "250 2.1.0 Ok",
		}}
		got := srv.Transactions()
		if len(got) != 2 || fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
		if to := got[0].To(); !slices.Equal(to, []string{"yes@example.org"}) {
			t.Errorf("To is %q", to)
		}
		stats := srv.Stats()
		if stats.Mails != 2 || stats.Messages != 1 || stats.Recipients != 1 || stats.Open != 0 ||
			stats.Replies[550] != 1 || stats.Replies[250] != 5 {
			t.Errorf("got %+v", stats)
		}
		if times := srv.Times(StageMail); !slices.EqualFunc(times, []time.Time{start, start.Add(time.Second)}, time.Time.Equal) {
			t.Errorf("MAIL came at %v", times)
		}
	})
}

func TestRefusedMailIsATransactionToo(t *testing.T) {
	inBubble(t, Config{Fault: Rules(Rule{Stage: StageMail, Fault: Fault{Reply: "450 no"}})}, func(t *testing.T, srv *Server) {
		play(t, srv, "< 220\n> EHLO c\n< 250\n> MAIL FROM:<a@b.c>\n< 450")
		ts := srv.Transactions()
		if len(ts) != 1 || ts[0].MailReply != "450 no" || ts[0].Accepted || ts[0].From != "a@b.c" {
			t.Errorf("got %+v", ts)
		}
	})
}

func TestStatsOnly(t *testing.T) {
	for _, only := range []bool{false, true} {
		t.Run(fmt.Sprint(only), func(t *testing.T) {
			inBubble(t, Config{StatsOnly: only}, func(t *testing.T, srv *Server) {
				play(t, srv, opened+"> DATA\n< 354\n> x|.\n< 250")
				want := 1
				if only {
					want = 0
				}
				ts := srv.Transactions()
				if len(ts) != want || len(srv.Times(StageDot)) != want || srv.Stats().Messages != 1 {
					t.Fatalf("got %d transactions, %+v", len(ts), srv.Stats())
				}
				if !only && (string(ts[0].Data) != "x\r\n" || ts[0].Size != 3) {
					t.Errorf("got %+v", ts[0])
				}
			})
		})
	}
}

func TestWait(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, srv *Server) {
		reached := make(chan error)
		go func() { reached <- srv.Wait(t.Context(), 2) }()
		go func() { reached <- srv.Wait(t.Context(), 2) }()
		for range 2 {
			synctest.Wait()
			select {
			case err := <-reached:
				t.Fatalf("Wait returned early, %v", err)
			default:
			}
			play(t, srv, opened+"> DATA\n< 354\n> .\n< 250")
		}
		if err := errors.Join(<-reached, <-reached, srv.Wait(t.Context(), 1)); err != nil {
			t.Error(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := srv.Wait(ctx, 3); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the end of the context", err)
		}
	})
}

func TestServiceTime(t *testing.T) {
	inBubble(t, Config{ServiceTime: 3 * time.Second}, func(t *testing.T, srv *Server) {
		start := time.Now()
		play(t, srv, opened+"> DATA\n< 354\n> .\n< 250")
		if got := time.Since(start); got != 3*time.Second {
			t.Errorf("took %v, want 3s", got)
		}
	})
}

// Close must end every session, wherever it hangs.
func TestClose(t *testing.T) {
	stall := func(stage Stage) Config {
		return Config{Fault: Rules(Rule{Stage: stage, Fault: Fault{Silent: true, End: Stall}})}
	}
	tests := []struct {
		name   string
		cfg    Config
		script string
	}{
		{"idle", Config{}, "< 220"},
		{"in a transaction", Config{}, opened},
		{"in a message", Config{}, opened + "> DATA\n< 354\n> x"},
		{"in a login", Config{Users: map[string]string{}}, "< 220\n> EHLO c\n< 250\n> AUTH LOGIN\n< 334"},
		{"in a handshake", Config{StartTLS: true}, "< 220\n> STARTTLS\n< 220"},
		{"before an implicit handshake", Config{ImplicitTLS: true}, ""},
		{"stalled", stall(StageNoop), "< 220\n> NOOP"},
		{"stalled in a message", stall(StageBody), opened + "> DATA\n< 354\n> x"},
		{"delayed", Config{Fault: Rules(Rule{Stage: StageNoop, Fault: Fault{Delay: time.Hour}})}, "< 220\n> NOOP"},
		{"dripping", Config{Fault: Rules(Rule{Stage: StageNoop, Fault: Fault{Reply: "250 ok", Drip: time.Hour}})}, "< 220\n> NOOP"},
		{"serving", Config{ServiceTime: time.Hour}, opened + "> DATA\n< 354\n> ."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, tt.cfg, func(t *testing.T, srv *Server) {
				p := newPlayer(t, srv)
				defer p.conn.Close()
				p.play(tt.script)
				synctest.Wait()
				start := time.Now()
				srv.Close()
				srv.Close() // a second time changes nothing
				if d := time.Since(start); d != 0 {
					t.Errorf("Close took %v", d)
				}
				if _, err := io.Copy(io.Discard, p.r); err != nil {
					t.Errorf("the client sees %v", err)
				}
				if _, err := srv.DialContext(t.Context(), "tcp", srv.Addr); !errors.Is(err, syscall.ECONNREFUSED) {
					t.Errorf("dialling a closed server gave %v", err)
				}
				if open := srv.Stats().Open; open != 0 {
					t.Errorf("%d connections are counted as open", open)
				}
			})
		})
	}
}

func TestCloseOverASocketLeavesNoGoroutine(t *testing.T) {
	srv := NewServer(Config{})
	var conns []net.Conn
	for range 10 {
		conn, err := net.Dial("tcp", srv.Addr)
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, conn)
	}
	srv.Close()
	for _, conn := range conns {
		conn.Close()
	}
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	for _, own := range []string{"(*session).run", "(*Server).accept"} {
		if strings.Contains(string(stacks), own) {
			t.Errorf("%s still runs:\n%s", own, stacks)
		}
	}
	if _, err := net.Dial("tcp", srv.Addr); err == nil {
		t.Error("a closed server still listens")
	}
}

func TestCloseClientConnections(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, srv *Server) {
		p := newPlayer(t, srv)
		defer p.conn.Close()
		p.play("< 220")
		srv.CloseClientConnections()
		p.play("< EOF")
		play(t, srv, "< 220")
	})
}

// A limit on the connections at once holds however many come together.
func TestConcurrentClientsOverSockets(t *testing.T) {
	const clients, messages, most = 8, 5, 3
	srv := NewServer(Config{Limits: Limits{Connections: Cap{Max: most}}})
	defer srv.Close()
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() {
			for n := 0; n < messages; {
				err := smtp.SendMail(srv.Addr, nil, "a@example.com", []string{fmt.Sprintf("%d@example.org", i)}, []byte("x\r\n"))
				switch {
				case err == nil:
					n++
				case !strings.Contains(err.Error(), "too many connections"):
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if err := srv.Wait(t.Context(), clients*messages); err != nil {
		t.Error(err)
	}
	stats := srv.Stats()
	if stats.Peak > most || stats.Messages != clients*messages || stats.Refused != stats.Throttled {
		t.Errorf("got %+v", stats)
	}
}

func TestNewServerPanicsOnMistakes(t *testing.T) {
	tests := []struct {
		name string
		cfg  Config
		want string
	}{
		{"negative time", Config{ServiceTime: -1}, "Config.ServiceTime"},
		{"negative size", Config{MaxSize: -1}, "Config.MaxSize"},
		{"unknown extension", Config{Omit: []string{"STARTTLS"}}, `Config.Omit names "STARTTLS"`},
		{"unknown mechanism", Config{Mechanisms: []string{"NTLM"}}, `Config.Mechanisms names "NTLM"`},
		{"domain in upper case", Config{Domains: map[string]Domain{"A.b": {}}}, `the key "A.b"`},
		{"login without users", Config{RequireAuth: true}, "Config.RequireAuth"},
		{"TLS that is not there", Config{RequireTLS: true}, "Config.RequireTLS"},
		{"two kinds of window", Config{Limits: Limits{MessageRate: Rate{Count: 1, Window: true, Sliding: true}}}, "both Window and Sliding"},
		{"negative cap", Config{Limits: Limits{Errors: Cap{Max: -1}}}, "a Cap of Config.Limits"},
		{"negative rate", Config{Domains: map[string]Domain{"*": {MailboxRate: Rate{Count: -1}}}}, `a Rate of Config.Domains["*"]`},
		{"negative greylisting", Config{Domains: map[string]Domain{"*": {Greylist: Greylist{Delay: -1}}}}, "Greylist"},
		{"two at once", Config{MaxSize: -1, RequireAuth: true}, "Config.RequireAuth"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			defer func() {
				if err, _ := recover().(error); err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("got the panic %v, want one about %s", err, tt.want)
				}
			}()
			NewServer(tt.cfg).Close()
		})
	}
}
