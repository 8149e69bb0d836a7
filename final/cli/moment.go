package cli

import (
	"fmt"
	"strconv"
	"time"
)

// moment turns what a user writes for a time ("42m", a date, seconds) into
// the API's seconds since 1970.
func moment(text string) (string, error) {
	if _, err := strconv.ParseFloat(text, 64); err == nil {
		return text, nil
	}
	if ago, err := time.ParseDuration(text); err == nil {
		return seconds(time.Now().Add(-ago)), nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02"} {
		if t, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			return seconds(t), nil
		}
	}
	return "", fmt.Errorf("failed to parse value as time or duration: %q", text)
}

func seconds(t time.Time) string { return fmt.Sprintf("%d.%09d", t.Unix(), t.Nanosecond()) }
