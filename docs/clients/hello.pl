use strict;
use warnings;
use IO::Socket::UNIX;
use JSON::PP;

my $folder = $ENV{SABIR_DIR} // "$ENV{XDG_RUNTIME_DIR}/sabir";
my $peer = IO::Socket::UNIX->new("$folder/hello.sock") or die "nobody is there: $!\n";

sub greet {
    my ($id, $name) = @_;
    print $peer encode_json({id => $id, method => 'hello.greet', params => {name => $name}}), "\n";
    while (my $line = <$peer>) {
        my $answer = decode_json($line);
        next if ($answer->{id} // '') ne $id;
        my $error = $answer->{error} or return $answer->{result}{text};
        return "$error->{data}{name}: $error->{message}";
    }
}

print greet(1, 'ann'), "\n";
print greet(2, 'bob'), "\n";
