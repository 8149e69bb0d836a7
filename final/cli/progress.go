package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/docker/go-units"
)

// A line is one message of the stream of a long job; see Docker's POST
// /images/create.
type line struct {
	Stream         string          `json:"stream"`
	Status         string          `json:"status"`
	ID             string          `json:"id"`
	Error          string          `json:"error"`
	Aux            json.RawMessage `json:"aux"`
	ProgressDetail struct {
		Current int64 `json:"current"`
		Total   int64 `json:"total"`
	} `json:"progressDetail"`
}

// show draws the stream of a long job on out: on a terminal one line a layer
// that changes in place, elsewhere one line a message. aux, when not nil, is
// told what is not for the eye. The error is the one in the stream; a nil out
// shows nothing else.
func show(stream io.Reader, out *os.File, aux func(json.RawMessage)) error {
	screen := &screen{out: out, live: out != nil && isTerminal(out), rows: map[string]int{}}
	for decoder := json.NewDecoder(stream); ; {
		var l line
		if err := decoder.Decode(&l); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		switch {
		case l.Error != "":
			return errors.New(l.Error)
		case l.Aux != nil:
			if aux != nil {
				aux(l.Aux)
			}
		case out == nil:
		case l.Stream != "":
			io.WriteString(out, l.Stream)
		default:
			screen.print(l)
		}
	}
}

// A screen remembers in which row of the terminal each layer stands.
type screen struct {
	out   *os.File
	live  bool
	rows  map[string]int // layer → how many rows were there before it
	count int
}

func (s *screen) print(l line) {
	if !s.live {
		if l.ProgressDetail.Total == 0 { // a bar is nothing for a file
			fmt.Fprintln(s.out, prefixed(l.ID, l.Status))
		}
		return
	}
	if l.ID == "" || strings.HasPrefix(l.Status, "Pulling from") {
		fmt.Fprintln(s.out, prefixed(l.ID, l.Status))
		s.rows, s.count = map[string]int{}, 0
		return
	}
	row, seen := s.rows[l.ID]
	if !seen {
		row = s.count
		s.rows[l.ID] = row
		s.count++
		fmt.Fprintln(s.out)
	}
	up := s.count - row
	fmt.Fprintf(s.out, "\x1b[%dA\x1b[2K\r%s\x1b[%dB\r", up, prefixed(l.ID, l.Status)+bar(l), up)
}

func prefixed(id, status string) string {
	if id == "" {
		return status
	}
	return id + ": " + status
}

// bar is " [=====>    ]  1.2MB/3.4MB".
func bar(l line) string {
	current, total := l.ProgressDetail.Current, l.ProgressDetail.Total
	if total <= 0 || current > total {
		return ""
	}
	const width = 50
	done := int(current * width / total)
	arrow := ">"
	if done == width {
		arrow = ""
	}
	drawn := strings.Repeat("=", done) + arrow
	return fmt.Sprintf(" [%-*s] %8s/%s", width, drawn, units.HumanSize(float64(current)), units.HumanSize(float64(total)))
}
