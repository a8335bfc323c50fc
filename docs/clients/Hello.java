import java.io.*;
import java.net.*;
import java.nio.channels.*;
import java.nio.charset.StandardCharsets;

class Hello { // Java reads no JSON by itself: text finds the text behind a key
    static BufferedReader lines;
    static Writer out;

    static String greet(int id, String name) throws IOException {
        out.write("{\"id\":" + id + ",\"method\":\"hello.greet\",\"params\":{\"name\":\"" + name + "\"}}\n");
        out.flush();
        String answer = lines.readLine();
        while (!answer.startsWith("{\"id\":" + id + ",")) answer = lines.readLine();
        if (answer.contains(",\"error\":{")) return text(answer, "name") + ": " + text(answer, "message");
        return text(answer, "text");
    }

    static String text(String line, String key) {
        return line.split("\"" + key + "\":\"")[1].split("\"")[0];
    }

    public static void main(String[] args) throws Exception {
        var peer = SocketChannel.open(UnixDomainSocketAddress.of(System.getenv("SABIR_DIR") + "/hello.sock"));
        lines = new BufferedReader(Channels.newReader(peer, StandardCharsets.UTF_8));
        out = Channels.newWriter(peer, StandardCharsets.UTF_8);
        System.out.println(greet(1, "ann"));
        System.out.println(greet(2, "bob"));
    }
}
