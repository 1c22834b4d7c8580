package monitor_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/smtpace/smtpace"
	"github.com/smtpace/smtpace/monitor"
)

// A page about a Sender, below /mail/ of a server that has other pages, too.
func ExampleHandler() {
	sender, err := smtpace.New(smtpace.Config{Relays: []smtpace.Relay{{Addr: "mail.example.com:587"}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sender.Close()
	page := monitor.Handler(sender, monitor.Options{Actions: true})
	defer page.Close()
	http.Handle("/mail/", http.StripPrefix("/mail", page))

	// What a browser gets:
	w := httptest.NewRecorder()
	http.DefaultServeMux.ServeHTTP(w, httptest.NewRequest("GET", "/mail/", nil))
	fmt.Println(w.Code, w.Header().Get("Content-Type"))
	// Output: 200 text/html; charset=utf-8
}
