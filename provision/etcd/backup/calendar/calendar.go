package calendar

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Schedule are the moments of an expression, in UTC.
type Schedule struct {
	weekdays, months, days, hours, minutes, seconds []int // sorted; nil for all
}

var shorthands = map[string]string{
	"minutely": "*-*-* *:*:00", "hourly": "*-*-* *:00:00", "daily": "*-*-* 00:00:00", "weekly": "Mon *-*-* 00:00:00", "monthly": "*-*-01 00:00:00",
}

var weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// Parse reads [WEEKDAYS] [*-MONTH-DAY] HOUR:MINUTE[:SECOND], where each is *,
// a number, a list a,b, a range a..b or repeated a/n; or hourly, daily, weekly,
// monthly. The time is UTC.
func Parse(text string) (Schedule, error) {
	s, err := parse(text)
	if err != nil {
		return s, fmt.Errorf("%q is no calendar of a backup: %w; write it as *-*-* 00/6:00:00 or daily, in UTC", text, err)
	}
	if s.Previous(time.Date(2104, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return s, fmt.Errorf("%q never comes", text)
	}
	return s, nil
}

func parse(text string) (s Schedule, err error) {
	if long, ok := shorthands[text]; ok {
		text = long
	}
	fields := strings.Fields(text)
	if len(fields) > 0 && fields[len(fields)-1] == "UTC" {
		fields = fields[:len(fields)-1]
	}
	if len(fields) > 0 && !strings.ContainsAny(fields[0], "-:") {
		if s.weekdays, err = days(fields[0]); err != nil {
			return s, err
		}
		fields = fields[1:]
	}
	if len(fields) > 0 && strings.Contains(fields[0], "-") {
		parts := strings.Split(fields[0], "-")
		if len(parts) != 3 || parts[0] != "*" {
			return s, errors.New("a date is *-MONTH-DAY")
		}
		if err := fill(parts[1:], []*[]int{&s.months, &s.days}, [][2]int{{1, 12}, {1, 31}}); err != nil {
			return s, err
		}
		fields = fields[1:]
	}
	if len(fields) != 1 {
		return s, errors.New("it has no time of day")
	}
	parts := strings.Split(fields[0], ":")
	if len(parts) == 2 {
		parts = append(parts, "00")
	}
	if len(parts) != 3 {
		return s, errors.New("a time has an hour and a minute")
	}
	return s, fill(parts, []*[]int{&s.hours, &s.minutes, &s.seconds}, [][2]int{{0, 23}, {0, 59}, {0, 59}})
}

func fill(parts []string, into []*[]int, bounds [][2]int) error {
	for i, part := range parts {
		values, err := numbers(part, bounds[i][0], bounds[i][1])
		if err != nil {
			return err
		}
		*into[i] = values
	}
	return nil
}

func numbers(text string, least, most int) ([]int, error) {
	if text == "*" {
		return nil, nil
	}
	list := []int{}
	for part := range strings.SplitSeq(text, ",") {
		span, step, repeated := strings.Cut(part, "/")
		by := 1
		if repeated {
			n, err := strconv.Atoi(step)
			if err != nil || n < 1 {
				return nil, fmt.Errorf("%q is no repetition", part)
			}
			by = n
		}
		from, to, ranged := strings.Cut(span, "..")
		first, errFirst := strconv.Atoi(from)
		last := first
		if from == "*" && repeated {
			first, errFirst, last = least, nil, most
		}
		var errLast error
		if ranged {
			last, errLast = strconv.Atoi(to)
		} else if repeated {
			last = most
		}
		if errFirst != nil || errLast != nil || first < least || last > most || last < first {
			return nil, fmt.Errorf("%q is not from %d to %d", part, least, most)
		}
		for n := first; n <= last; n += by {
			list = append(list, n)
		}
	}
	slices.Sort(list)
	return slices.Compact(list), nil
}

func days(text string) ([]int, error) {
	one := func(name string) (int, error) {
		name = strings.ToLower(name)
		if len(name) >= 3 {
			if i := slices.Index(weekdays, name[:3]); i >= 0 && strings.HasPrefix(strings.ToLower(time.Weekday(i).String()), name) {
				return i, nil
			}
		}
		return 0, fmt.Errorf("%q is no weekday", name)
	}
	list := []int{}
	for part := range strings.SplitSeq(text, ",") {
		from, to, ranged := strings.Cut(part, "..")
		first, err := one(from)
		last := first
		if err == nil && ranged {
			last, err = one(to)
		}
		if err != nil {
			return nil, err
		}
		for n := first; ; n = (n + 1) % 7 {
			list = append(list, n)
			if n == last {
				break
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list), nil
}

// farthest is how far Previous looks back: the 29th of February may be skipped
// in one century year.
const farthest = 9 * 366

// Previous is the latest moment that is not after t; the zero time when there is
// none within nine years.
func (s Schedule) Previous(t time.Time) time.Time {
	t = t.UTC()
	hour, minute, second := t.Clock()
	day := time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
	for range farthest {
		if s.on(day) {
			if h, m, sec, ok := s.at(hour, minute, second); ok {
				return time.Date(day.Year(), day.Month(), day.Day(), h, m, sec, 0, time.UTC)
			}
		}
		day, hour, minute, second = day.AddDate(0, 0, -1), 23, 59, 59
	}
	return time.Time{}
}

func (s Schedule) on(day time.Time) bool {
	in := func(list []int, n int) bool { return list == nil || slices.Contains(list, n) }
	return in(s.weekdays, int(day.Weekday())) && in(s.months, int(day.Month())) && in(s.days, day.Day())
}

// at is the latest time of the schedule that is not after the given one.
func (s Schedule) at(hour, minute, second int) (int, int, int, bool) {
	for h, ok := last(s.hours, hour); ok; h, ok = last(s.hours, h-1) {
		latest := 59
		if h == hour {
			latest = minute
		}
		for m, ok := last(s.minutes, latest); ok; m, ok = last(s.minutes, m-1) {
			latest := 59
			if h == hour && m == minute {
				latest = second
			}
			if sec, ok := last(s.seconds, latest); ok {
				return h, m, sec, true
			}
		}
	}
	return 0, 0, 0, false
}

// last is the largest of a list that is not above n.
func last(list []int, n int) (int, bool) {
	if n < 0 {
		return 0, false
	}
	if list == nil {
		return n, true
	}
	for i := len(list) - 1; i >= 0; i-- {
		if list[i] <= n {
			return list[i], true
		}
	}
	return 0, false
}
