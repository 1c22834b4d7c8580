package browsertest

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/smtpace/smtpace"
	"github.com/smtpace/smtpace/monitor"
)

// quiet returns a Sender that keeps what it is given: every destination is paused.
func quiet(t *testing.T, names ...string) *smtpace.Sender {
	t.Helper()
	sender := troubledSender(t)
	for _, name := range names {
		sender.Pause(name)
	}
	return sender
}

// Rows appear, move and change while the page is open. The server's time for writing a
// response is over before: the events outlive it.
func TestRowsAppearLive(t *testing.T) {
	sender := quiet(t, "one.example", "two.example")
	b := open(t, serve(t, sender, monitor.Options{}), desktop)
	b.until("document.getElementById('link').className === 'live'")
	b.until("document.getElementById('none').innerText.includes('No mail waits')")
	eval[bool](b, "window.mark = true")
	order := func() string {
		return eval[string](b, "[...document.querySelectorAll('#destinations tbody th')].map((e) => e.innerText).join(' ')")
	}
	for i, step := range []struct{ to, want string }{
		{"a@one.example", "one.example"}, {"b@two.example", "one.example two.example"}, {"c@two.example", "two.example one.example"},
	} {
		submit(t, sender, step.to, "")
		b.until(fmt.Sprintf("document.querySelector('#totals dd').innerText === '%d'", i+1))
		if got := order(); got != step.want {
			t.Errorf("got the rows %q, want %q", got, step.want)
		}
	}
	time.Sleep(1500 * time.Millisecond)
	submit(t, sender, "d@one.example", "")
	b.until("document.querySelector('#totals dd').innerText === '4'")
	if !eval[bool](b, "window.mark && performance.getEntriesByType('resource').filter((e) => e.name.includes('/events')).length <= 1") {
		t.Error("the page was loaded again, or has asked for its events again")
	}
	if n := eval[int](b, "document.querySelectorAll('#destinations .spark canvas').length"); n != 2 {
		t.Errorf("got %d plots, want one a row", n)
	}
}

// A click anywhere in a row opens the page of the destination, which says in words
// what was learned and what is to come.
func TestClickOpensTheDestination(t *testing.T) {
	b := open(t, serve(t, troubled(t), monitor.Options{}), desktop)
	b.until("/450 4.7.1 You are/.test(document.querySelector('#destinations').innerText)")
	b.do(chromedp.Click("#destinations tbody tr:first-child td.number"))
	b.until("!document.getElementById('detail').hidden && /learned at/.test(document.getElementById('words').innerText)")
	for _, want := range []string{
		`^Paced by the learned rate; next message in [\d.]+ m?s;( \d+ on the wire;)? [\d,]+ waiting, done about \d\d:\d\d$`,
		`^[\d.]+.s learned at \d\d:\d\d from 450 4\.7\.1 You are sending too fast: slow down, see https:..postmaster\.bigmail\.example.limits$`,
	} {
		b.until("/" + want + "/m.test(document.getElementById('words').innerText)") // between two messages nothing binds for a moment
	}
	if got := b.text("#lessons li:first-child"); !regexp.MustCompile(`^\d\d:\d\d:\d\d\s+450 4\.7\.1 You are sending`).MatchString(got) {
		t.Errorf("the last refusal: got %q", got)
	}
	if n := eval[int](b, "document.querySelectorAll('#detail canvas').length"); n != 3 {
		t.Errorf("got %d plots, want 3", n)
	}
	if title := eval[string](b, "document.title"); title != "bigmail.example – smtpace" {
		t.Errorf("got the title %q", title)
	}
	if got := b.text("#actions"); got != "" {
		t.Errorf("a page that is read-only offers %q", got)
	}
	b.do(chromedp.NavigateBack())
	b.until("document.querySelectorAll('#destinations tbody tr').length >= 8")
}

func TestSearch(t *testing.T) {
	sender := quiet(t)
	for i := range 70 {
		name := fmt.Sprintf("d%02d.example", i)
		sender.Pause(name)
		for range i + 1 {
			submit(t, sender, "a@"+name, "")
		}
	}
	b := open(t, serve(t, sender, monitor.Options{}), desktop)
	b.until("document.querySelectorAll('#destinations tbody tr').length === 50")
	b.do(chromedp.Click("#more"))
	b.until("document.querySelectorAll('#destinations tbody tr').length === 70 && document.getElementById('more').hidden")
	b.do(chromedp.SendKeys("#search", "D0"))
	b.until("document.querySelectorAll('#destinations tbody tr').length === 10 && document.getElementById('known').innerText === '10 of 70'")
	b.do(chromedp.SendKeys("#search", "<b>"))
	b.until("document.getElementById('none').innerText === 'No destination has that in its name.'")
}

// What servers and callers say stays text, on both views, in the title and the
// address.
func TestTextsOfServersStayText(t *testing.T) {
	b := open(t, serve(t, fake{attacks}, monitor.Options{Actions: true}), desktop)
	check := func(selectors ...string) {
		t.Helper()
		for _, selector := range selectors {
			b.until("document.querySelector(" + quote(selector) + ")?.textContent")
			if got := eval[string](b, "document.querySelector("+quote(selector)+").textContent"); !strings.Contains(got, attacks) {
				t.Errorf("%s: got %q, want the text as it is", selector, got)
			}
		}
		if eval[bool](b, "'attacked' in window || document.querySelectorAll('main script, main img, main svg, main b b').length > 0") {
			t.Error("a text became more than text")
		}
	}
	check("#destinations th a", "#destinations .lesson q", "#destinations small", "#relays tbody th", "#relays tbody td:last-child", "#tenants tbody th", "#refusals q", "#refusals a")
	b.do(chromedp.Click("#destinations th a"))
	check("#name", "#words", "#lessons q")
	if got := eval[string](b, "decodeURIComponent(location.hash.slice(2))"); got != attacks {
		t.Errorf("the address: got %q", got)
	}
}

// The browser runs no script that is not of this server's files.
func TestPolicyHolds(t *testing.T) {
	b := open(t, serve(t, fake{"a.example"}, monitor.Options{}), desktop)
	b.until("document.querySelector('#destinations th a')")
	for _, attack := range []string{
		"const s = document.createElement('script'); s.append('attacked = 1'); document.body.append(s)",
		"document.body.innerHTML = '<img src=x onerror=attacked=1>'",
		"document.querySelector('a').setAttribute('onclick', 'attacked = 1'); document.querySelector('a').click()",
	} {
		eval[bool](b, "(() => { try { "+attack+" } catch { /* refused */ } return true })()")
	}
	if eval[bool](b, "'attacked' in window") {
		t.Error("a script that was brought in has run")
	}
	b.expectTrouble("This document requires 'Trusted")
}

// Everything can be done with the keys, and the focus is never lost.
func TestKeyboardAlone(t *testing.T) {
	sender := quiet(t, "aa.example", "bb.example")
	submit(t, sender, "a@aa.example", "")
	submit(t, sender, "b@bb.example", "")
	b := open(t, serve(t, sender, monitor.Options{Actions: true}), desktop)
	b.until("document.querySelectorAll('#destinations tbody tr').length === 2")
	press := func(keys string) {
		t.Helper()
		b.do(chromedp.KeyEvent(keys))
	}
	focused := func(script string) { t.Helper(); b.until("document.activeElement.matches(" + quote(script) + ")") }
	b.do(call(input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeKeyDown, Key: "/", Text: "/"})) // one that a page can prevent
	focused("#search")
	press("bb")
	b.until("document.querySelectorAll('#destinations tbody tr').length === 1")
	press(kb.Tab)
	focused("#destinations a")
	press(kb.Enter)
	focused("#name")
	b.until("document.querySelector('#state').innerText === 'paused' && document.querySelector('[data-action=resume]')")
	press(kb.Tab)
	focused("[data-action=resume]")
	press(" ")
	b.until("document.querySelector('#state').innerText !== 'paused'")
	focused("#actions button:not([hidden])")
	b.until("document.getElementById('done').innerText === 'Resume: done.'")
	press(kb.Escape)
	b.until("!document.getElementById('overview').hidden")
	if sender.Explain("aa.example").Bind.Limit != "pause" {
		t.Error("the other destination is not paused any more")
	}
}

func TestPauseAndResumeByClick(t *testing.T) {
	sender := quiet(t)
	b := open(t, serve(t, sender, monitor.Options{Actions: true})+"#/shop.example", desktop)
	b.until("document.querySelector('[data-action=pause]:not([hidden])')")
	b.do(chromedp.Click("[data-action=pause]"))
	b.until("document.querySelector('#state').innerText === 'paused'")
	if got := sender.Explain("shop.example").Bind.Limit; got != "pause" {
		t.Errorf("bound by %q, want a pause", got)
	}
	submit(t, sender, "a@shop.example", "")
	b.until("/Paused by the operator; 1 waiting/.test(document.getElementById('words').innerText)")
	for _, action := range []string{"retry", "forget", "resume"} {
		b.do(chromedp.Click("[data-action=" + action + "]:not([hidden])"))
		b.until("document.getElementById('done').innerText.endsWith('done.')")
	}
	b.until("document.querySelector('#counts dd').innerText === '1'") // delivered
}

// Another origin cannot act, though the browser lets it send the request.
func TestActionsOfAnotherOrigin(t *testing.T) {
	sender := quiet(t)
	url := serve(t, sender, monitor.Options{Actions: true})
	elsewhere := strings.Replace(strings.TrimSuffix(url, "mail/"), "127.0.0.1", "localhost", 1) + "elsewhere"
	b := open(t, elsewhere, desktop)
	send := "fetch(" + quote(url+"action") + ", { method: 'POST', mode: 'no-cors', body: JSON.stringify({ action: 'pause', name: 'shop.example' }) }).then((r) => r.type)"
	if got := eval[string](b, send); got != "opaque" {
		t.Errorf("got an answer of type %q", got)
	}
	if got := sender.Explain("shop.example").Bind.Limit; got != "" {
		t.Errorf("bound by %q: another origin has paused it", got)
	}
	b.expectTrouble("403")
}

// Nothing is wider than the screen, in both colours; what is to be touched is large
// enough.
func TestLooks(t *testing.T) {
	url := serve(t, troubled(t), monitor.Options{Actions: true})
	for name, l := range map[string]look{"phone": {width: 360, height: 740, phone: true}, "phone, dark": {width: 360, height: 740, phone: true, dark: true}, "desktop, dark": {width: 1280, height: 900, dark: true}} {
		t.Run(name, func(t *testing.T) {
			b := open(t, url, l)
			for _, view := range []string{"#/", "#/bigmail.example"} {
				b.navigate(view)
				b.until("[...document.querySelectorAll('canvas')].filter((e) => e.clientWidth > 100).length > 2")
				if w := eval[int64](b, "document.documentElement.scrollWidth"); w > l.width {
					t.Errorf("%s is %d wide on a screen of %d", view, w, l.width)
				}
			}
			light := eval[bool](b, "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).every((n) => n > 200)")
			if light == l.dark {
				t.Errorf("light: got %v", light)
			}
			if h := eval[float64](b, "Math.min(99, ...[...document.querySelectorAll('button:not([hidden])')].filter((e) => e.offsetParent).map((e) => e.offsetHeight))"); h < 32 {
				t.Errorf("a button is %v high", h)
			}
		})
	}
}

// Whatever can be used, and every table and picture, has a name that is read out.
func TestAccessibleNames(t *testing.T) {
	url := serve(t, troubled(t), monitor.Options{Actions: true})
	b := open(t, url, desktop)
	for _, view := range []string{"#/", "#/bigmail.example"} {
		b.navigate(view)
		b.until("[...document.querySelectorAll('canvas')].filter((e) => e.clientWidth > 100).length > 2")
		tree, err := chromedp.Run(b.ctx, func(ctx context.Context, target *chromedp.Target) (accessibility.GetFullAXTreeResult, error) {
			return cdp.Call(ctx, target, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
		})
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]int{}
		for _, node := range tree.Nodes {
			if node.Ignored || node.Role == nil {
				continue
			}
			role, name := strings.Trim(string(node.Role.Value), `"`), ""
			if node.Name != nil {
				name = strings.Trim(string(node.Name.Value), `"`)
			}
			switch role {
			case "button", "link", "searchbox", "image", "img", "table", "heading", "columnheader", "rowheader":
				seen[role]++
				if name == "" {
					t.Errorf("%s: a %s has no name", view, role)
				}
			}
		}
		if seen["link"] == 0 || seen["heading"] < 3 || seen["image"]+seen["img"] == 0 {
			t.Errorf("%s: got %v", view, seen)
		}
	}
}
