package bus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// DeadLetterCommand lists dead letters and replays them. Its fields are kong's.
type DeadLetterCommand struct {
	Brokers []string `help:"Kafka brokers, host:port." env:"DOUYIN_KAFKA_BROKERS" default:"127.0.0.1:9092"`
	Access  `embed:"" envprefix:"DOUYIN_KAFKA_" set:"server=Kafka"`

	List   ListLetters   `cmd:"" help:"Show dead letters: where they come from, why, how old they are."`
	Replay ReplayLetters `cmd:"" help:"Publish dead letters to their origin topic again, each once."`
}

// ListLetters is the list command.
type ListLetters struct {
	Topic string `help:"Origin topic; all topics when left out."`
}

// ReplayLetters is the replay command.
type ReplayLetters struct {
	Topic  string `help:"Origin topic." required:""`
	Offset *int64 `help:"Replay the letter with this offset (the LETTER column of list)." xor:"which" required:""`
	All    bool   `help:"Replay every letter that was not replayed yet." xor:"which" required:""`
}

// Shell is what a command runs with.
type Shell struct {
	Context context.Context
	Bus     *Bus
	Out     io.Writer
	Now     func() time.Time
}

// Run prints the letters.
func (c *ListLetters) Run(s *Shell) error {
	topics := []string{c.Topic}
	if c.Topic == "" {
		var err error
		if topics, err = s.Bus.TopicsWithDeadLetters(s.Context); err != nil {
			return err
		}
	}
	table := tabwriter.NewWriter(s.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "TOPIC\tLETTER\tORIGIN\tGROUP\tEVENT\tAGE\tREPLAYED\tERROR")
	for _, topic := range topics {
		err := s.Bus.DeadLetters(s.Context, topic, func(d DeadLetter) error {
			age := s.Now().Sub(d.Died).Truncate(time.Second)
			_, err := fmt.Fprintf(table, "%s\t%d\t%s/%s\t%s\t%s\t%s\t%s\t%s\n", topic, d.Letter, d.Partition, d.Offset, d.Group, d.EventID, max(age, 0), yesNo(d.Replayed), d.Error)
			return err
		})
		if err != nil {
			return err
		}
	}
	return table.Flush()
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// Run replays what the flags name.
func (c *ReplayLetters) Run(s *Shell) error {
	switch {
	case c.All:
		n, err := s.Bus.ReplayAll(s.Context, c.Topic)
		fmt.Fprintf(s.Out, "replayed %d letters of %s\n", n, c.Topic)
		return err
	case c.Offset != nil:
		if err := s.Bus.Replay(s.Context, c.Topic, *c.Offset); err != nil {
			return fmt.Errorf("letter %d of %s: %w", *c.Offset, c.Topic, err)
		}
		fmt.Fprintf(s.Out, "replayed letter %d of %s\n", *c.Offset, c.Topic)
		return nil
	default:
		return errors.New("replay needs --offset or --all")
	}
}
