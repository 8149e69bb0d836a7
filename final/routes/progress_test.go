package routes

import (
	"errors"
	"net/http/httptest"
	"testing"
)

func TestAnErrorBeforeTheFirstLineKeepsItsStatus(t *testing.T) {
	w := httptest.NewRecorder()
	p := newProgress(w)
	early := errors.New("early")
	if err := p.end(early); err != early || w.Body.Len() > 0 {
		t.Errorf("got %v and %q", err, w.Body)
	}
	p.status("begun")
	if err := p.end(errors.New("late")); err != nil {
		t.Errorf("an error after the first line came back: %v", err)
	}
	want := `{"status":"begun"}` + "\n" + `{"errorDetail":{"message":"late"},"error":"late"}` + "\n"
	if got := w.Body.String(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestALayerIsToldNowAndThen(t *testing.T) {
	w := httptest.NewRecorder()
	p := newProgress(w)
	p.layer("a", "Downloading", 1, 100)
	for n := range int64(50) { // all within a moment
		p.layer("a", "Downloading", n+2, 100)
	}
	p.layer("a", "Download complete", 0, 0)
	want := `{"status":"Downloading","progressDetail":{"current":1,"total":100},"id":"a"}` + "\n" +
		`{"status":"Download complete","progressDetail":{},"id":"a"}` + "\n"
	if got := w.Body.String(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
