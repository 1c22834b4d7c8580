package pool_test

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/smtptest"
	"github.com/wneessen/go-mail"
)

// rig is a receiver in memory, a pool, and a User that hands out what is
// queued. When a connection ends and work is left, it opens another. It must
// be made in a bubble.
type rig struct {
	byHooks
	t        *testing.T
	server   *smtptest.Server
	pool     *pool.Pool
	endpoint pool.Endpoint

	mu      sync.Mutex
	queue   []turn
	conns   map[*pool.Conn]bool // true: open
	ends    []error             // of the connections, in order
	replies []string
	ready   int       // Next calls
	askedAt time.Time // of the last Next
	left    int       // Leaving calls
}

// turn holds the results of Next.
type turn struct {
	delivery *pool.Delivery
	last     bool
}

// hooks is the Value of a delivery: the functions of a test for its events.
type hooks struct {
	mailWritten, rcptsWritten func()
	beforeDot                 func(context.Context) error
	follower                  func() *pool.Delivery
	done                      func(pool.Report)
}

// byHooks has the methods of a User for deliveries with hooks, and says nothing
// of connections.
type byHooks struct{}

func hooksOf(d *pool.Delivery) *hooks { return d.Value.(*hooks) }

func (byHooks) MailWritten(d *pool.Delivery) {
	if f := hooksOf(d).mailWritten; f != nil {
		f()
	}
}

func (byHooks) RcptsWritten(d *pool.Delivery) {
	if f := hooksOf(d).rcptsWritten; f != nil {
		f()
	}
}

func (byHooks) BeforeDot(ctx context.Context, d *pool.Delivery) error {
	return hooksOf(d).beforeDot(ctx)
}

func (byHooks) Follower(d *pool.Delivery) *pool.Delivery {
	if f := hooksOf(d).follower; f != nil {
		return f()
	}
	return nil
}

func (byHooks) Done(d *pool.Delivery, r pool.Report) {
	r.Recipients = slices.Clone(r.Recipients) // tests look at it later
	hooksOf(d).done(r)
}

func (byHooks) Opened(*pool.Conn)        {}
func (byHooks) Leaving(*pool.Conn)       {}
func (byHooks) Closed(*pool.Conn, error) {}

// queued is a User that hands out turns, and then tells how the connection
// ended.
type queued struct {
	byHooks
	turns  []turn
	closed chan error
}

func newQueued(turns ...turn) *queued { return &queued{turns: turns, closed: make(chan error, 1)} }

func (q *queued) Next(*pool.Conn) (*pool.Delivery, bool) {
	if len(q.turns) == 0 {
		return nil, false
	}
	t := q.turns[0]
	q.turns = q.turns[1:]
	return t.delivery, t.last
}

func (q *queued) Closed(_ *pool.Conn, err error) { q.closed <- err }

// heard is a User that is told of replies.
type heard struct {
	pool.User
	reply func(classify.Stage, *classify.Reply)
}

func (h heard) Reply(_ *pool.Conn, stage classify.Stage, r *classify.Reply) { h.reply(stage, r) }

func newRig(t *testing.T, sc smtptest.Config, pc pool.Config) *rig {
	t.Helper()
	sc.InMemory = true
	r := &rig{t: t, server: smtptest.NewServer(sc), conns: make(map[*pool.Conn]bool)}
	p, err := pool.New(pc)
	if err != nil {
		t.Fatal(err)
	}
	r.pool = p
	r.endpoint = pool.Endpoint{Name: "mx", Addr: "mx.test:25", TLS: pool.TLSNone, HELO: "client.test", DialContext: r.server.DialContext}
	if sc.StartTLS || sc.ImplicitTLS {
		r.endpoint.TLSConfig = r.server.ClientTLS()
		r.endpoint.TLSConfig.CurvePreferences = []tls.CurveID{tls.X25519} // the cheapest
		r.endpoint.TLS = pool.TLSMandatory
	}
	if sc.ImplicitTLS {
		r.endpoint.TLS = pool.TLSImplicit
	}
	return r
}

// close ends the rig; a goroutine that is left fails the bubble.
func (r *rig) close() {
	r.pool.Close()
	if n := r.pool.LessonsInUse(); n != 0 {
		r.t.Errorf("lessons of servers have %d uses that have not ended", n)
	}
	r.server.Close()
}

func (r *rig) Next(c *pool.Conn) (*pool.Delivery, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ready++
	r.askedAt = time.Now()
	if !r.conns[c] {
		r.t.Error("Next was called after Leaving")
	}
	if len(r.queue) == 0 {
		return nil, false
	}
	t := r.queue[0]
	r.queue = r.queue[1:]
	return t.delivery, t.last
}

// behind returns the next delivery, if a connection in use may take it.
func (r *rig) behind() *pool.Delivery {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.queue) == 0 || r.queue[0].last || r.queue[0].delivery == nil {
		return nil
	}
	t := r.queue[0]
	r.queue = r.queue[1:]
	return t.delivery
}

// open starts a connection.
func (r *rig) open() {
	r.t.Helper()
	if err := r.pool.Open(r.endpoint, r); err != nil && !errors.Is(err, pool.ErrClosed) {
		r.t.Error(err)
	}
}

func (r *rig) Opened(c *pool.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.conns[c] = true
}

func (r *rig) Reply(_ *pool.Conn, stage classify.Stage, reply *classify.Reply) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.replies = append(r.replies, stage.String()+" "+reply.Error())
}

func (r *rig) Leaving(c *pool.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.conns[c] {
		r.t.Error("Leaving was called twice, or of a connection that was not opened")
	}
	r.conns[c] = false
	r.left++
}

func (r *rig) Closed(c *pool.Conn, err error) {
	r.mu.Lock()
	open, opened := r.conns[c]
	if open {
		r.t.Error("Closed without Leaving")
	}
	r.ends = append(r.ends, err)
	again := opened && len(r.queue) > 0
	r.mu.Unlock()
	if again {
		r.open()
	}
}

// push queues turns and wakes everybody.
func (r *rig) push(turns ...turn) {
	r.mu.Lock()
	for _, t := range turns {
		if t.delivery != nil {
			hooksOf(t.delivery).follower = r.behind
		}
		r.queue = append(r.queue, t)
	}
	var wake []*pool.Conn
	for c, open := range r.conns {
		if open {
			wake = append(wake, c)
		}
	}
	r.mu.Unlock()
	for _, c := range wake {
		c.Wake()
	}
}

func (r *rig) isOpen() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, open := range r.conns {
		if open {
			return true
		}
	}
	return false
}

func (r *rig) asked() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ready
}

func (r *rig) ended() []error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]error(nil), r.ends...)
}

// job is a delivery and its report.
type job struct {
	*pool.Delivery
	Data []byte // the message; of Body when the job has its turn
	*hooks
	report chan pool.Report
}

// newJob makes a delivery whose text tells it from others.
func newJob(name string, to ...string) job {
	j := job{report: make(chan pool.Report, 2)}
	j.Delivery = &pool.Delivery{
		From: "sender@client.test", To: to,
	}
	j.Data = []byte("Subject: " + name + "\r\n\r\n" + "." + name + "\r\n")
	j.hooks = &hooks{done: func(r pool.Report) { j.report <- r }}
	j.Value = j.hooks
	return j
}

func (j job) turn() turn { return turn{delivery: j.ready()} }

// lastTurn returns a turn that ends its connection.
func (j job) lastTurn() turn { return turn{delivery: j.ready(), last: true} }

// ready returns the delivery with its message.
func (j job) ready() *pool.Delivery {
	j.Body = mustBody(j.Data)
	return j.Delivery
}

func mustBody(data []byte) pool.Body {
	b, err := pool.NewBody(data)
	if err != nil {
		panic(err)
	}
	return b
}

// wait returns the report.
func (j job) wait(t *testing.T) pool.Report {
	t.Helper()
	select {
	case r := <-j.report:
		return r
	case <-time.After(24 * time.Hour):
		t.Fatalf("no report of %q", j.Data[:20])
		return pool.Report{}
	}
}

// settle waits for the report, and tries once more when the connection was stale.
func (r *rig) settle(j job) pool.Report {
	r.t.Helper()
	got := j.wait(r.t)
	if !got.NotAttempted {
		return got
	}
	synctest.Wait()
	r.push(turn{delivery: &pool.Delivery{From: j.From, To: j.To, Body: j.Body, Value: j.Value}})
	if !r.isOpen() {
		r.open()
	}
	return j.wait(r.t)
}

// fates says what became of the recipients, a letter each: Delivered, Refused,
// Later, Ambiguous.
func fates(r pool.Report) string {
	var b strings.Builder
	for _, a := range r.Recipients {
		b.WriteByte(strings.ToUpper(a.Verdict.Recipient.String())[0])
	}
	return b.String()
}

// stages names the stages of the answers.
func stages(r pool.Report) string {
	var names []string
	for _, a := range r.Recipients {
		names = append(names, a.Stage.String())
	}
	return strings.Join(names, " ")
}

// describe shows a report in full, for a failure.
func describe(r pool.Report) string {
	var b strings.Builder
	for i, a := range r.Recipients {
		fmt.Fprintf(&b, "\n  %d: %s at %s: %v", i, a.Verdict.Recipient, a.Stage, a.Err)
	}
	return b.String()
}

// arrived counts the accepted messages with this text, for each recipient.
func (r *rig) arrived(j job) map[string]int {
	got := make(map[string]int)
	for _, m := range r.server.Messages() {
		if string(m.Data) != string(j.Data) {
			continue
		}
		for _, to := range m.To() {
			got[to]++
		}
	}
	return got
}

// checkStored fails if anything that the server took is not what was sent.
func (r *rig) checkStored(jobs ...job) {
	r.t.Helper()
	for _, m := range r.server.Messages() {
		known := false
		for _, j := range jobs {
			known = known || string(m.Data) == string(j.Data)
		}
		if !known {
			r.t.Errorf("the server stored a message that nobody sent: %.60q (%d bytes)", m.Data, len(m.Data))
		}
	}
}

// bubble runs a subtest in a bubble of its own.
func bubble(t *testing.T, name string, f func(t *testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) { synctest.Test(t, f) })
}

// asError returns the *pool.Error in err, or fails.
func asError(t *testing.T, err error) *pool.Error {
	t.Helper()
	e, ok := errors.AsType[*pool.Error](err)
	if !ok {
		t.Fatalf("got %v, want a *pool.Error", err)
	}
	return e
}

// quickly fails unless f returns within 100 ms.
func quickly(t *testing.T, what string, f func()) {
	t.Helper()
	start := time.Now()
	f()
	if took := time.Since(start); took > 100*time.Millisecond {
		t.Errorf("%s took %v, want at most 100 ms", what, took)
	}
}

var never = context.Background()

func mechanism(name string) mail.SMTPAuthType { return mail.SMTPAuthType(name) }

// echoes returns the ways in which a server can repeat a login.
func echoes(user, secret string) []string {
	b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	return []string{
		secret,
		b64(secret),
		b64("\x00" + user + "\x00" + secret),
		b64(user + ":" + secret),
		b64("user=" + user + "\x01auth=Bearer " + secret + "\x01\x01"),
		b64("a" + secret + "b"), b64("ab" + secret + "c"), b64("abc" + secret + "d"),
	}
}

// tells reports whether the secret can be read in a text, in clear or in
// base64 at any of the three alignments.
func tells(text, secret string) bool {
	found := strings.Contains(text, secret)
	for shift := range 3 {
		b64 := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("z", shift) + secret + "zz"))
		found = found || strings.Contains(text, b64[(shift*8+5)/6:(shift+len(secret))*8/6])
	}
	return found
}
