from metrics.markup import visible_content


def test_only_what_is_shown_counts() -> None:
    content = visible_content(
        "<head><title>no</title><style>no{}</style></head><!-- no --><script>no()</script><template>no</template>"
        "<p hidden>no</p><p style='display: none'>no</p><svg><title>no</title><text>drawn</text></svg>"
        "<noscript>no</noscript><p>yes<details>and <summary>this</summary></details>"
    )
    assert content.tokens == ["drawn", "yes", "and", "this"]


def test_inline_tags_leave_words_whole_and_blocks_part_them() -> None:
    assert visible_content("<p><b>H</b>ello</p><p>two</p><p>x<br>y</p>").tokens == ["hello", "two", "x", "y"]


def test_images_links_and_headings() -> None:
    content = visible_content(
        "<h2>Our <em>work</em></h2><h3> </h3><a href=' /a '>A</a><a name=x>no</a><img src=one.png>"
        "<video poster=two.png></video><div style=\"background: url('three.png')\"></div>"
    )
    assert content.headings == [("h2", "our work")]
    assert content.links == ["/a"]
    assert content.images == ["one.png", "two.png", "three.png"]


def test_forms_are_left_out_and_listed() -> None:
    content = visible_content("<p>a</p><form action=/send><h2>b</h2><a href=c>c</a><img src=d></form><p>e</p>")
    assert content.tokens == ["a", "e"]
    assert content.forms == ["/send"]
    assert content.links == content.images == content.headings == []


def test_what_follows_a_hidden_element_counts_again() -> None:
    assert visible_content("<div hidden><div>a</div><br></div>b<img src=x>").tokens == ["b"]


def test_broken_and_hostile_markup_gives_an_answer() -> None:
    assert visible_content(" ").tokens == []
    assert visible_content("<?xml version='1.0' encoding='latin-1'?><p>é \ud800").tokens[0] == "é"
    assert visible_content("<div>" * 100_000 + "deep").tokens == ["deep"]
    assert visible_content("<" * 200_000 + "p>").links == []
