# LWP of Perl: 3 s for each read, as it has no total. It has no pool by default.
use strict;
use warnings;
use LWP::UserAgent;

my $agent = LWP::UserAgent->new(timeout => 3);
binmode STDOUT;
for my $at (0 .. $#ARGV) {
    my $response = $agent->get($ARGV[$at]);
    # Its own errors are responses, too
    for my $field ('Client-Warning', 'Client-Aborted', 'X-Died') {
        my $value = $response->header($field) or next;
        die "error: $field: $value: ", $response->status_line, "\n";
    }
    print $response->content if $at != 1;
}
