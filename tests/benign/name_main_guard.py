def main():
    close = data.get("close")
    return close > close.average(20)


position = main()
if __name__ == "__main__":
    print("direct")
