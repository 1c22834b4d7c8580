package smtpace

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/textproto"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/smtptest"
	"github.com/smtpace/smtpace/throttle"
	"github.com/wneessen/go-mail"
)

// wild is a text that must reach no terminal as it is.
var wild = "\x1b]0;PWNED\a\x1b[2J\r\n{\"delivered\":2}\r\n\u202e\u009b" + strings.Repeat("long ", 20_000)

// errWild is an error of a user's function, which may quote anybody.
type errWild struct{ error }

// lookups is a resolver that fails.
type lookups struct{ err error }

func (l lookups) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	return nil, l.err
}

// badMemory is a Memory that fails.
type badMemory struct{ err error }

func (badMemory) Load() ([]byte, error)    { return nil, nil }
func (b badMemory) Save(text []byte) error { return b.err }

// TestErrorsOfTheUsersFunctionsAreTidy has each function of the user's fail with a text
// that is neither printable nor short. All that the Sender tells of it is, and the error
// itself can be found.
func TestErrorsOfTheUsersFunctionsAreTidy(t *testing.T) {
	why := errWild{errors.New(wild)}
	never := func() error {
		return &NoRouteError{Domain: "receiver.test", Err: fmt.Errorf("%w: %w", why, &classify.Reply{Code: 550, Enhanced: "5.1.2", Text: wild})}
	}
	route := func(r Route, err error) Config {
		return Config{Router: RouterFunc(func(context.Context, RouteRequest) (Route, error) { return r, err })}
	}
	promptly := func(err error) Config {
		return Config{Router: PromptRouterFunc(func(RouteRequest) (Route, error) { return Route{}, err })}
	}
	for name, tt := range map[string]struct {
		cfg     Config // without relays, those of the receiver are used
		relay   func(*Relay)
		message func(*Message)
		hides   bool // whether errors do not lead to why
	}{
		"dialer": {relay: func(r *Relay) {
			r.DialContext = func(context.Context, string, string) (net.Conn, error) { return nil, why }
		}},
		"resolver": {cfg: Config{Resolver: lookups{why}}, relay: func(r *Relay) { r.DialContext = nil }},
		"credentials": {relay: func(r *Relay) {
			r.AllowInsecureLogin = true
			r.Credentials = func(context.Context) (string, string, error) { return "", "", why }
		}},
		"SASL": {relay: func(r *Relay) {
			r.AllowInsecureLogin = true
			r.SASL = func(context.Context) (pool.SASL, error) { return nil, why }
		}},
		"Router":                        {cfg: route(Route{}, why)},
		"Router that knows":             {cfg: promptly(why)},
		"no route":                      {cfg: route(Route{}, never())},
		"no route, known":               {cfg: promptly(never())},
		"name of a relay":               {cfg: route(Via(Relay{Name: wild, Addr: "mx.test:25", TLS: pool.TLSNone}), nil), hides: true},
		"address of a relay":            {cfg: route(Via(Relay{Addr: wild}), nil), hides: true},
		"destination and provider":      {cfg: route(Route{Destination: wild, Provider: wild}, ErrUseRelays), hides: true},
		"Router that panics":            {cfg: Config{Router: RouterFunc(func(context.Context, RouteRequest) (Route, error) { panic(wild) })}, hides: true},
		"Router that knows, and panics": {cfg: Config{Router: PromptRouterFunc(func(RouteRequest) (Route, error) { panic(wild) })}, hides: true},
		"Memory":                        {cfg: Config{Memory: badMemory{why}}, hides: true},
		"writer": {message: func(m *Message) {
			body := mail.NewMsg()
			body.From("a@sender.example")
			body.To("u@receiver.test")
			body.SetBodyWriter(mail.TypeTextPlain, func(io.Writer) (int64, error) { return 0, why })
			*m = Message{Msg: body}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, smtptest.Config{Users: map[string]string{"me": "secret"}}, func(t *testing.T, srv *smtptest.Server) {
				var log lines
				var mu sync.Mutex
				var told []string
				tell := func(what ...any) {
					mu.Lock()
					defer mu.Unlock()
					told = append(told, fmt.Sprint(what...))
				}
				relay := relayTo(srv)
				if tt.relay != nil {
					tt.relay(&relay)
				}
				cfg := tt.cfg
				cfg.Relays, cfg.Expiry, cfg.Logger = []Relay{relay}, time.Hour, slog.New(slog.NewTextHandler(&log, nil))
				cfg.Observers = []Observer{{
					Closed: func(c Connection) { tell(c.Err) },
				}}
				s := newSender(t, cfg)
				m := rendered("one", "u@receiver.test")
				if tt.message != nil {
					tt.message(&m)
				}
				sub, err := s.Submit(t.Context(), m, nil)
				if err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Minute)
				tell(s.Stats())
				tell(s.Explain("receiver.test"))
				<-sub.Done()
				r := sub.Result().Recipients[0]
				tell(r.Err)
				tell(sub.Result().Err())
				if r.Reply != nil {
					tell(r.Reply.Text, r.Reply.Enhanced)
				}
				text, err := json.Marshal(sub.Result())
				if err != nil {
					t.Error(err)
				}
				tell(string(text))
				tell(s.Verify(t.Context()))
				if found := errors.As(sub.Result().Err(), new(errWild)); !tt.hides && !found {
					t.Errorf("the error does not lead to that of the user's function: %.300q", r.Err)
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
				checkTidy(t, append(told, log.lines...))
			})
		})
	}
}

// checkTidy fails for a text that is not printable or long.
func checkTidy(t *testing.T, told []string) {
	t.Helper()
	for _, s := range told {
		s = strings.TrimSuffix(s, "\n")
		if len(s) > 8<<10 || strings.ContainsFunc(s, func(c rune) bool { return !unicode.IsPrint(c) }) {
			t.Errorf("%d bytes: %.300q", len(s), s)
		}
	}
}

// errHTTP is the error of a client of HTTP, with a header that the server has made.
type errHTTP struct {
	error
	StatusCode int
	Header     http.Header
}

// TestErrorsOfPacedFunctionsAreTidy has functions of a Pacer fail with texts of peers,
// in every kind of error that it understands.
func TestErrorsOfPacedFunctionsAreTidy(t *testing.T) {
	for name, why := range map[string]error{
		"reply":          &classify.Reply{Code: 451, Enhanced: wild, Text: "Greylisted" + wild},
		"refusal":        fmt.Errorf("sending: %w", &classify.Reply{Code: 550, Enhanced: "5.1.1", Text: wild}),
		"of net/smtp":    &textproto.Error{Code: 421, Msg: "4.7.0 too many connections" + wild},
		"HTTP, later":    errHTTP{errors.New(wild), 429, http.Header{"Retry-After": {wild}}},
		"HTTP, refused":  errHTTP{errors.New(wild), 400, nil},
		"at a stage":     AtStage(classify.StageRcpt, errors.New("450 4.2.1"+wild)),
		"not sent":       NotSent(errors.New(wild)),
		"several":        errors.Join(errors.New(wild), &textproto.Error{Code: 450, Msg: wild}),
		"not understood": errors.New(wild),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log lines
				var told []string
				tell := func(what ...any) { told = append(told, fmt.Sprint(what...)) }
				recipient := func(r *Recipient) {
					tell(r.Err)
					if r.Reply != nil {
						tell(r.Reply.Enhanced, " ", strings.ReplaceAll(r.Reply.Text, "\n", " "))
					}
				}
				p, err := NewPacer(PacerConfig{Expiry: time.Minute, Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})), Observers: []Observer{{
					Try:     func(x Try) { tell(x.Recipients[0].Err) },
					Settled: func(r *Result) { recipient(&r.Recipients[0]) },
					Limit:   func(c throttle.Change) { tell(c) },
				}}})
				if err != nil {
					t.Fatal(err)
				}
				fail := func(context.Context, []string) error { return why }
				tell(p.DoRequest(t.Context(), PaceRequest{To: []string{"a@x.test"}, Relay: "relay"}, fail))
				tell(p.TryRequest(t.Context(), PaceRequest{To: []string{"a@y.test"}, Relay: "another"}, fail))
				tell(p.Stats())
				tell(p.Explain("x.test"), p.Explain("y.test"))
				if err := p.Close(); err != nil {
					t.Error(err)
				}
				checkTidy(t, append(told, log.lines...))
			})
		})
	}
}
